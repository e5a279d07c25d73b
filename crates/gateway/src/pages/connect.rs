//! The page behind a connect link: who asks, for what, and one button.

use http::StatusCode;
use mapping::ProviderDocument;
use store::ConnectSession;
use url::Url;

use super::{Page, escape};

/// The page of a session. The button posts back to the page's own address, so that no scanner of links that merely
/// looks at it uses the link up.
pub(crate) fn page(session: &ConnectSession, provider: &ProviderDocument) -> Page {
    let tenant = escape(&session.tenant_name);
    let name = escape(&provider.display_name);
    let environment = provider
        .environments
        .get(&session.environment)
        .map_or(session.environment.as_str(), |environment| {
            environment.label.as_str()
        });
    let login_host = Url::parse(&session.login_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| session.login_url.clone());
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
         <dl>\n<dt>Environment</dt><dd>{environment}</dd>\n<dt>You log in at</dt><dd>{login_host}</dd>\n\
         <dt>Permissions</dt><dd>{scopes}</dd>\n</dl>\n\
         <form method=\"post\">\n<button type=\"submit\">Continue to {name}</button>\n</form>\n\
         <p class=\"note\">Your password is entered at {name} only; neither this page nor {tenant} sees it. \
         If you did not expect this page, close it: nothing has been shared.</p>",
        environment = escape(environment),
        login_host = escape(&login_host),
    );
    Page {
        status: StatusCode::OK,
        title: format!("{verb} {} to {}", provider.display_name, session.tenant_name),
        main,
        class: "page",
        has_script: false,
    }
}
