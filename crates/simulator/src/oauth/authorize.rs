//! `/services/oauth2/authorize`, the login page and the consent page.

use super::grants::Code;
use super::{PASSWORD, pages, parse_scope};
use crate::control::settings::UninstalledApp;
use crate::http::call::{Call, value_of, with_query};
use crate::http::reply::{Answer, Reply};
use crate::http::state::Simulator;

/// Name of the browser's login cookie.
const COOKIE: &str = "sid";
const SITE: pages::Site = pages::Site {
    product: "Salesforce",
    login: "/login",
    consent: "/setup/secur/RemoteAccessAuthorizationPage.apexp",
};
/// How many users the login page names.
const USERS_SHOWN: usize = 5;

/// A checked authorize request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// App.
    pub(crate) client_id: String,
    /// Where the browser goes back to, exactly as sent.
    pub(crate) redirect_uri: String,
    /// Scopes asked for.
    pub(crate) scope: Vec<String>,
    /// Echoed.
    pub(crate) state: Option<String>,
    /// PKCE S256 challenge.
    pub(crate) code_challenge: Option<String>,
    /// `prompt` holds `consent`.
    pub(crate) asks_consent: bool,
    /// Fills the login form.
    pub(crate) login_hint: Option<String>,
    /// The user, once logged in.
    pub(crate) user_id: Option<String>,
}

fn back(redirect_uri: &str, state: Option<&str>, pairs: &[(&str, &str)]) -> Reply {
    let mut pairs = pairs.to_vec();
    if let Some(state) = state {
        pairs.push(("state", state));
    }
    Reply::redirect(302, with_query(redirect_uri, &pairs))
}

fn failure(error: &str, description: &str) -> Reply {
    Reply::html(400, pages::failure(error, description))
}

fn no_such_transaction() -> Reply {
    failure(
        "invalid_request",
        "this authorization has ended; start again from the app",
    )
}

/// A registered callback; with none registered, any https URL or a loopback one.
pub(crate) fn is_registered(simulator: &Simulator, uri: &str) -> bool {
    if !simulator.redirect_uris.is_empty() {
        return simulator.redirect_uris.iter().any(|known| known == uri);
    }
    if uri.contains('#') {
        return false;
    }
    uri.starts_with("https://")
        || ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|host| {
                uri.strip_prefix(host)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
            })
}

/// `GET` or `POST /services/oauth2/authorize`.
pub(crate) fn authorize(simulator: &Simulator, call: &Call) -> Reply {
    authorize_request(simulator, call).unwrap_or_else(|reply| reply)
}

fn authorize_request(simulator: &Simulator, call: &Call) -> Answer {
    let mut pairs = call.query.clone();
    pairs.extend(call.form());
    let (mut request, prompt) = check(simulator, &pairs)?;
    match simulator.settings().uninstalled_app {
        UninstalledApp::Off | UninstalledApp::Token => {}
        mode => return Ok(uninstalled(call, &request, mode)),
    }
    if simulator.settings().auto_consent {
        let username = request.login_hint.as_deref();
        let user_id = username.map_or_else(
            || Some(simulator.org.admin_user_id()),
            |name| simulator.user_id(name),
        );
        return user_id
            .map(|user_id| grant_code(simulator, &request, user_id))
            .ok_or_else(|| failure("invalid_request", "login_hint names no user of this org"));
    }
    let logged_in = call
        .cookie(COOKIE)
        .and_then(|cookie| simulator.oauth().logins.get(cookie).cloned())
        .filter(|_| {
            !prompt
                .iter()
                .any(|word| word == "login" || word == "select_account")
        });
    if let Some(user_id) = &logged_in {
        let approved = simulator
            .oauth()
            .approved(user_id, &request.client_id, &request.scope);
        if approved && !request.asks_consent {
            return Ok(grant_code(simulator, &request, user_id.clone()));
        }
    }
    if value_of(&pairs, "immediate") == Some("true") {
        return Ok(back(
            &request.redirect_uri,
            request.state.as_deref(),
            &[
                ("error", "immediate_unsuccessful"),
                (
                    "error_description",
                    "user must log in or approve before it can be immediate",
                ),
            ],
        ));
    }
    let hint = request.login_hint.clone().unwrap_or_default();
    request.user_id.clone_from(&logged_in);
    let transaction = simulator.random.text(40);
    let page = match &logged_in {
        Some(user_id) => consent_page(simulator, &transaction, &request, user_id),
        None => login_page(simulator, &transaction, &hint, None),
    };
    simulator.oauth().pending.insert(transaction, request);
    Ok(Reply::html(200, page))
}

/// Checks the parameters. Faults of client or callback stay on a page; all others go back to the callback.
fn check(simulator: &Simulator, pairs: &[(String, String)]) -> Result<(Request, Vec<String>), Reply> {
    let client_id = value_of(pairs, "client_id").unwrap_or("");
    if client_id != simulator.client_id {
        return Err(failure("invalid_client_id", "client identifier invalid"));
    }
    let redirect_uri = value_of(pairs, "redirect_uri").unwrap_or("");
    if redirect_uri.is_empty() {
        return Err(failure(
            "invalid_request",
            "missing required parameter: redirect_uri",
        ));
    }
    if !is_registered(simulator, redirect_uri) {
        return Err(failure(
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
        ));
    }
    let state = value_of(pairs, "state");
    let refuse = |error: &str, description: &str| {
        back(
            redirect_uri,
            state,
            &[("error", error), ("error_description", description)],
        )
    };
    match value_of(pairs, "response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(refuse("unsupported_response_type", "response type not supported"));
        }
        None => {
            return Err(refuse(
                "invalid_request",
                "missing required parameter: response_type",
            ));
        }
    }
    let scope = parse_scope(value_of(pairs, "scope")).map_err(|name| {
        refuse(
            "invalid_scope",
            &format!("the requested scope is not allowed: {name}"),
        )
    })?;
    let prompt: Vec<String> = value_of(pairs, "prompt")
        .unwrap_or("")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if let Some(word) = prompt
        .iter()
        .find(|word| !["login", "consent", "select_account"].contains(&word.as_str()))
    {
        return Err(refuse("invalid_request", &format!("invalid prompt: {word}")));
    }
    let challenge = value_of(pairs, "code_challenge").filter(|text| !text.is_empty());
    let method = value_of(pairs, "code_challenge_method");
    // A client in wide use sends the challenge without its method and means S256.
    if method.is_some_and(|method| method != "S256") {
        return Err(refuse("invalid_request", "code_challenge_method must be S256"));
    }
    if challenge.is_none() && simulator.settings().require_pkce {
        return Err(refuse(
            "invalid_request",
            "missing required parameter: code_challenge",
        ));
    }
    let request = Request {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope,
        state: state.map(str::to_owned),
        code_challenge: challenge.map(str::to_owned),
        asks_consent: prompt.iter().any(|word| word == "consent"),
        login_hint: value_of(pairs, "login_hint").map(str::to_owned),
        user_id: None,
    };
    Ok((request, prompt))
}

fn uninstalled(call: &Call, request: &Request, mode: UninstalledApp) -> Reply {
    let (error, description) = if mode == UninstalledApp::DeadEndExternal {
        (
            "OAUTH_EC_APP_NOT_FOUND",
            "External client app is not installed in this org",
        )
    } else {
        ("invalid_client", "app must be installed into org")
    };
    let pairs = [("error", error), ("error_description", description)];
    if mode == UninstalledApp::Callback {
        return back(&request.redirect_uri, request.state.as_deref(), &pairs);
    }
    let page = format!("{}/setup/secur/RemoteAccessErrorPage.apexp", call.base_url);
    back(&page, request.state.as_deref(), &pairs)
}

/// `GET /setup/secur/RemoteAccessErrorPage.apexp`.
pub(crate) fn dead_end(call: &Call) -> Reply {
    let error = call.query_value("error").unwrap_or("invalid_client");
    let description = call.query_value("error_description").unwrap_or("");
    Reply::html(200, pages::dead_end(error, description))
}

fn login_page(simulator: &Simulator, transaction: &str, username: &str, error: Option<&str>) -> String {
    pages::login(
        &SITE,
        transaction,
        username,
        error,
        &simulator.usernames(USERS_SHOWN),
    )
}

fn consent_page(simulator: &Simulator, transaction: &str, request: &Request, user_id: &str) -> String {
    let username = simulator.username(user_id).unwrap_or_default();
    pages::consent(&SITE, transaction, &username, &request.client_id, &request.scope)
}

/// `POST /login`.
pub(crate) fn login(simulator: &Simulator, call: &Call) -> Reply {
    let form = call.form();
    let transaction = value_of(&form, "transaction").unwrap_or("");
    let request = simulator.oauth().pending.get(transaction).cloned();
    let Some(request) = request else {
        return no_such_transaction();
    };
    let username = value_of(&form, "username").unwrap_or("").trim();
    let given = value_of(&form, "password").unwrap_or("");
    let user = simulator.user_id(username).filter(|_| given == PASSWORD);
    let Some(user_id) = user else {
        let text = "Please check your username and password. If you still can't log in, contact your \
                    Salesforce administrator.";
        return Reply::html(200, login_page(simulator, transaction, username, Some(text)));
    };
    let cookie = simulator.random.text(40);
    let approved = {
        let mut store = simulator.oauth();
        store.logins.insert(cookie.clone(), user_id.clone());
        if let Some(pending) = store.pending.get_mut(transaction) {
            pending.user_id = Some(user_id.clone());
        }
        !request.asks_consent && store.approved(&user_id, &request.client_id, &request.scope)
    };
    let reply = if approved {
        simulator.oauth().pending.remove(transaction);
        grant_code(simulator, &request, user_id)
    } else {
        let page = format!("/setup/secur/RemoteAccessAuthorizationPage.apexp?transaction={transaction}");
        Reply::redirect(303, page)
    };
    reply.with(
        "Set-Cookie",
        format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"),
    )
}

/// `GET` and `POST /setup/secur/RemoteAccessAuthorizationPage.apexp`.
pub(crate) fn consent(simulator: &Simulator, call: &Call) -> Reply {
    let form = call.form();
    let transaction = value_of(&form, "transaction")
        .or_else(|| call.query_value("transaction"))
        .unwrap_or("");
    let request = simulator.oauth().pending.get(transaction).cloned();
    let Some((request, user_id)) = request.and_then(|request| {
        let user_id = request.user_id.clone()?;
        Some((request, user_id))
    }) else {
        return no_such_transaction();
    };
    if call.method != "POST" {
        return Reply::html(200, consent_page(simulator, transaction, &request, &user_id));
    }
    simulator.oauth().pending.remove(transaction);
    if value_of(&form, "decision") == Some("allow") {
        return grant_code(simulator, &request, user_id);
    }
    back(
        &request.redirect_uri,
        request.state.as_deref(),
        &[
            ("error", "access_denied"),
            ("error_description", "end-user denied authorization"),
        ],
    )
}

fn grant_code(simulator: &Simulator, request: &Request, user_id: String) -> Reply {
    // Real codes end in `==` and must be percent-decoded by the callback.
    let code = format!("aPrx{}==", simulator.random.secret(72));
    simulator.counters().codes_issued += 1;
    let issued_ms = simulator.clock.now_ms();
    simulator.oauth().codes.insert(
        code.clone(),
        Code {
            request: request.clone(),
            user_id,
            issued_ms,
            used: false,
        },
    );
    back(
        &request.redirect_uri,
        request.state.as_deref(),
        &[("code", &code)],
    )
}
