//! The page behind a connect link: who asks, for what, and one button.

use std::fmt::Write;

use http::StatusCode;
use mapping::ProviderDocument;
use provider::{LoginChoice, LoginError};
use store::ConnectSession;
use url::Url;

use super::{Page, Script, escape};

/// After this time the page says what to do when the provider does not send the browser back, ms: longer than most people take to
/// log in.
const PATIENCE_MS: u64 = 60_000;

/// What the person chose, where the choice is theirs.
pub(crate) struct Choice {
    pub(crate) environment: String,
    pub(crate) login_host: String,
    /// Why it is no good.
    pub(crate) mistake: Option<LoginError>,
}

impl Choice {
    /// What stands in the form at first.
    pub(crate) fn of(session: &ConnectSession) -> Self {
        Self {
            environment: session.environment.clone(),
            login_host: String::new(),
            mistake: None,
        }
    }
}

/// The page of a session. The button posts back to the page's own address, so that no scanner of links that merely
/// looks at it uses the link up.
pub(crate) fn page(
    session: &ConnectSession,
    provider: &ProviderDocument,
    choices: &[LoginChoice],
    choice: &Choice,
    waiting: Option<&Waiting<'_>>,
) -> Page {
    let tenant = escape(&session.tenant_name);
    let name = escape(&provider.display_name);
    let (facts, inputs) = if session.is_environment_open {
        (String::new(), environments(choices, choice))
    } else {
        (environment(session, provider), String::new())
    };
    let scopes = if session.scopes.is_empty() {
        &provider.auth.scopes
    } else {
        &session.scopes
    };
    let scopes: Vec<String> = scopes
        .iter()
        .map(|scope| format!("<code>{}</code>", escape(scope)))
        .collect();
    let scopes = scopes.join(" ");
    let verb = if session.connection_id.is_some() {
        "Reconnect"
    } else {
        "Connect"
    };
    let main = format!(
        "<h1>{verb} {name} to {tenant}</h1>\n\
         <p><strong>{tenant}</strong> asks for access to your {name} account.</p>\n\
         <p>It will be able to:</p>\n\
         <ul>\n<li>read the records and fields that your {name} user can see</li>\n\
         <li>create, change and delete records where your user may</li>\n\
         <li>do so while you are not logged in, until you take the access back in {name}</li>\n</ul>\n\
         <dl>\n{facts}<dt>Permissions</dt><dd>{scopes}</dd>\n</dl>\n\
         <form method=\"post\">\n{inputs}<button type=\"submit\">Continue to {name}</button>\n</form>\n\
         <p class=\"note\">Your password is entered at {name} only; neither this page nor {tenant} sees it. \
         If you did not expect this page, close it: nothing has been shared.</p>",
    );
    let main = match waiting {
        Some(waiting) => format!(
            "<div id=\"journey\">\n{main}\n</div>\n{}",
            waiting.html(&name, &tenant, provider.auth.stranded.as_deref())
        ),
        None => main,
    };
    let status = match choice.mistake {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    Page {
        status,
        title: format!("{verb} {} to {}", provider.display_name, session.tenant_name),
        main,
        class: "page",
        script: if waiting.is_some() {
            Script::Connect
        } else {
            Script::None
        },
    }
}

/// What a page in a popup needs to wait for the end and to tell it.
pub(crate) struct Waiting<'a> {
    /// Whose page may hear of it.
    pub(crate) origin: &'a str,
    /// Where to ask how far the journey has come.
    pub(crate) status: String,
}

impl Waiting<'_> {
    /// What takes the place of the page once the button was pressed; the script shows what holds.
    fn html(&self, name: &str, tenant: &str, stranded: Option<&str>) -> String {
        let ends = [
            (
                "connected",
                format!("{name} is connected. This window closes by itself."),
            ),
            (
                "denied",
                "You did not allow the access, so nothing has been shared. Close this window to go on."
                    .to_owned(),
            ),
            (
                "failed",
                format!(
                    "{name} was not connected: the other window says why. Close this one, and start again from {tenant}."
                ),
            ),
            (
                "expired",
                format!(
                    "It took too long, or was continued in another browser. Close this window, and start again from {tenant}."
                ),
            ),
        ];
        let mut html = format!(
            "<section id=\"waiting\" hidden data-origin=\"{}\" data-status=\"{}\" data-patience=\"{PATIENCE_MS}\">\n\
             <h2 tabindex=\"-1\">Go on in the other window</h2>\n\
             <p>{name} has opened in a window of its own. This one waits for it, and closes when you are done.</p>\n\
             <div role=\"status\">\n",
            escape(self.origin),
            escape(&self.status),
        );
        if let Some(stranded) = stranded {
            let _ = writeln!(
                html,
                "<p class=\"notice\" data-when=\"stranded\" hidden><strong>Still there?</strong> {}</p>",
                escape(stranded)
            );
        }
        for (status, text) in ends {
            let _ = writeln!(html, "<p data-when=\"{status}\" hidden>{text}</p>");
        }
        html.push_str("</div>\n</section>");
        html
    }
}

/// Where the session logs in, when that is settled.
fn environment(session: &ConnectSession, provider: &ProviderDocument) -> String {
    let label = provider
        .environments
        .get(&session.environment)
        .map_or(session.environment.as_str(), |environment| {
            environment.label.as_str()
        });
    let login_host = host_of(&session.login_url);
    format!(
        "<dt>Environment</dt><dd>{}</dd>\n<dt>You log in at</dt><dd>{}</dd>\n",
        escape(label),
        escape(&login_host)
    )
}

/// The choice of where to log in. Writing to a `String` does not fail.
fn environments(choices: &[LoginChoice], chosen: &Choice) -> String {
    let mut html = "<fieldset>\n<legend>Where do you log in?</legend>\n".to_owned();
    let mistake = chosen.mistake.as_ref().map(|error| mistake(error, choices));
    for LoginChoice {
        environment,
        label,
        login_url,
        host_suffixes,
    } in choices
    {
        let checked = if *environment == chosen.environment {
            " checked"
        } else {
            ""
        };
        let environment = escape(environment);
        let about = match login_url {
            Some(login_url) => format!("at {}", escape(login_url.host())),
            None => "at a host of your own".to_owned(),
        };
        let _ = writeln!(
            html,
            "<label for=\"environment-{environment}\"><input type=\"radio\" id=\"environment-{environment}\" \
             name=\"environment\" value=\"{environment}\"{checked}>{} <span class=\"note\">{about}</span></label>",
            escape(label)
        );
        if login_url.is_none() {
            let invalid = if mistake.is_some() {
                "aria-describedby=\"wrong-host about-host\" aria-invalid=\"true\""
            } else {
                "aria-describedby=\"about-host\""
            };
            let _ = writeln!(
                html,
                "<label for=\"login-host\">Host of {}</label>\n\
                 <input id=\"login-host\" name=\"login_host\" value=\"{}\" spellcheck=\"false\" autocapitalize=\"none\" \
                 autocomplete=\"off\" maxlength=\"255\" {invalid}>\n\
                 <p class=\"note\" id=\"about-host\">Only for {}: it ends in {}.</p>",
                escape(label),
                escape(&chosen.login_host),
                escape(label),
                escape(&host_suffixes.join(" or ")),
            );
        }
    }
    if let Some(mistake) = mistake {
        let _ = writeln!(
            html,
            "<p class=\"error\" id=\"wrong-host\" role=\"alert\">{}</p>",
            escape(&mistake)
        );
    }
    html.push_str("</fieldset>\n");
    html
}

/// What is wrong with a choice, for the person who made it.
fn mistake(error: &LoginError, choices: &[LoginChoice]) -> String {
    match error {
        LoginError::HostGiven { environment } => {
            let label = choices
                .iter()
                .find(|choice| choice.environment == *environment)
                .map_or(environment.as_str(), |choice| choice.label.as_str());
            format!("You named a host but chose {label}. Empty the host, or choose the environment that it belongs to.")
        }
        LoginError::HostMissing { suffixes, .. } => {
            format!("Name the host where you log in; it ends in {suffixes}.")
        }
        LoginError::Host { .. } => {
            "That is not a host where one logs in. Copy it from your browser's address line when you are logged in.".to_owned()
        }
        LoginError::Provider { .. } | LoginError::Environment { .. } => "Choose one of these.".to_owned(),
    }
}

fn host_of(url: &str) -> String {
    Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| url.to_owned())
}
