//! `/oauth/authorize` with its pages, and what tokens stand for. There is no rotation: a refresh token works until it
//! is revoked. PKCE is not asked for, but a challenge that was sent is checked.

use std::collections::HashMap;

use super::errors::{self, Fault};
use crate::http::call::{Call, value_of, with_query};
use crate::http::reply::{Answer, Reply};
use crate::http::state::Simulator;
use crate::oauth::authorize::is_registered;
use crate::oauth::{PASSWORD, pages};

/// Scopes the app is set up with.
const SCOPES: [&str; 17] = [
    "oauth",
    "tickets",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
    "crm.schemas.custom.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.write",
];
/// Name of the browser's login cookie.
const COOKIE: &str = "hubspotsid";
const SITE: pages::Site = pages::Site {
    product: "HubSpot",
    login: "/oauth/login",
    consent: "/oauth/consent",
};

/// A checked authorize request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    state: Option<String>,
    /// PKCE S256.
    pub(crate) challenge: Option<String>,
    /// Address of the person, once logged in.
    email: Option<String>,
}

/// A code waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) request: Request,
    pub(crate) email: String,
    pub(crate) issued_ms: i64,
    pub(crate) used: bool,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) email: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) dead: bool,
}

/// What an access token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) email: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_ms: i64,
    refresh_token: String,
    ended: bool,
}

/// Everything the authorization server remembers.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pending: HashMap<String, Request>,
    logins: HashMap<String, String>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) grants: HashMap<String, Grant>,
    pub(crate) sessions: HashMap<String, Session>,
}

impl Store {
    /// Opens a session of a grant that lives.
    pub(crate) fn open(&mut self, token: String, refresh_token: &str, expires_ms: i64) -> bool {
        let Some(grant) = self.grants.get(refresh_token).filter(|grant| !grant.dead) else {
            return false;
        };
        let session = Session {
            email: grant.email.clone(),
            scopes: grant.scopes.clone(),
            expires_ms,
            refresh_token: refresh_token.to_owned(),
            ended: false,
        };
        self.sessions.insert(token, session);
        true
    }

    /// A session that can be used, whether or not its time is over.
    pub(crate) fn session(&self, token: &str) -> Option<&Session> {
        self.sessions.get(token).filter(|session| !session.ended)
    }

    /// Ends sessions; gives how many.
    pub(crate) fn end(&mut self, email: Option<&str>) -> usize {
        self.change(email, |session| session.ended = true)
    }

    /// Lets sessions run out at this time; gives how many.
    pub(crate) fn expire(&mut self, email: Option<&str>, now_ms: i64) -> usize {
        self.change(email, |session| {
            session.expires_ms = session.expires_ms.min(now_ms);
        })
    }

    fn change(&mut self, email: Option<&str>, act: impl Fn(&mut Session)) -> usize {
        let picked = self
            .sessions
            .values_mut()
            .filter(|session| !session.ended && email.is_none_or(|email| session.email == email));
        picked.map(act).count()
    }

    /// Revokes grants and their sessions; gives how many.
    pub(crate) fn revoke(&mut self, pick: impl Fn(&str, &Grant) -> bool) -> usize {
        let mut revoked = 0;
        for (token, grant) in &mut self.grants {
            if !grant.dead && pick(token, grant) {
                grant.dead = true;
                revoked += 1;
                let sessions = self.sessions.values_mut();
                sessions
                    .filter(|session| session.refresh_token == *token)
                    .for_each(|session| session.ended = true);
            }
        }
        revoked
    }
}

/// The session of a data call.
pub(crate) fn authenticate(simulator: &Simulator, call: &Call) -> Result<Session, Fault> {
    let header = call.header("authorization").unwrap_or("");
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let session = simulator.portal.oauth().session(token.trim()).cloned();
    let session = session
        .filter(|_| scheme.eq_ignore_ascii_case("bearer"))
        .ok_or_else(errors::unauthenticated)?;
    let now_ms = simulator.clock.now_ms();
    if now_ms >= session.expires_ms {
        return Err(errors::expired(session.expires_ms, now_ms));
    }
    Ok(session)
}

/// Reads a list of scopes; the error names the unknown one. `oauth` is in every list.
pub(crate) fn scopes(text: &str) -> Result<Vec<String>, String> {
    let mut scopes = vec!["oauth".to_owned()];
    for name in text.split_whitespace() {
        if !SCOPES.contains(&name) {
            return Err(name.to_owned());
        }
        if !scopes.iter().any(|known| known == name) {
            scopes.push(name.to_owned());
        }
    }
    Ok(scopes)
}

/// Every scope of the app.
pub(crate) fn all_scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).to_vec()
}

fn failure(error: &str, description: &str) -> Reply {
    Reply::html(400, pages::failure(error, description))
}

fn back(request: &Request, pairs: &[(&str, &str)]) -> Reply {
    let mut pairs = pairs.to_vec();
    if let Some(state) = &request.state {
        pairs.push(("state", state));
    }
    Reply::redirect(302, with_query(&request.redirect_uri, &pairs))
}

/// Checks the parameters. Every fault stays on a page: the real portal sends none back to the app.
fn check(simulator: &Simulator, call: &Call) -> Result<Request, Reply> {
    let value = |name: &str| call.query_value(name).filter(|text| !text.is_empty());
    if value("client_id") != Some(simulator.client_id.as_str()) {
        return Err(failure("BAD_CLIENT_ID", "missing or unknown client id"));
    }
    let redirect_uri = value("redirect_uri").filter(|uri| is_registered(simulator, uri));
    let redirect_uri = redirect_uri.ok_or_else(|| {
        failure(
            "BAD_REDIRECT_URI",
            "the redirect URI must match one of the app's redirect URLs",
        )
    })?;
    let asked = value("scope").ok_or_else(|| failure("BAD_SCOPE", "missing scope"))?;
    let optional = value("optional_scope").unwrap_or("");
    let scopes = scopes(&format!("{asked} {optional}")).map_err(|name| {
        failure(
            "BAD_SCOPE",
            &format!("this app is not set up for the scope {name}"),
        )
    })?;
    if value("code_challenge_method").is_some_and(|method| method != "S256") {
        return Err(failure(
            "BAD_CODE_CHALLENGE_METHOD",
            "code_challenge_method must be S256",
        ));
    }
    Ok(Request {
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        state: call.query_value("state").map(str::to_owned),
        challenge: value("code_challenge").map(str::to_owned),
        email: None,
    })
}

/// `GET /oauth/authorize`.
pub(crate) fn authorize(simulator: &Simulator, call: &Call) -> Reply {
    authorize_request(simulator, call).unwrap_or_else(|reply| reply)
}

fn authorize_request(simulator: &Simulator, call: &Call) -> Answer {
    let mut request = check(simulator, call)?;
    if simulator.settings().auto_consent {
        return Ok(grant_code(simulator, &request, crate::USERNAME));
    }
    let transaction = simulator.random.text(40);
    let cookie = call.cookie(COOKIE).unwrap_or("");
    request.email = simulator.portal.oauth().logins.get(cookie).cloned();
    let page = match &request.email {
        Some(email) => consent_page(simulator, &transaction, &request, email),
        None => login_page(simulator, &transaction, "", None),
    };
    simulator.portal.oauth().pending.insert(transaction, request);
    Ok(Reply::html(200, page))
}

fn login_page(simulator: &Simulator, transaction: &str, username: &str, error: Option<&str>) -> String {
    pages::login(&SITE, transaction, username, error, &emails(simulator))
}

fn consent_page(simulator: &Simulator, transaction: &str, request: &Request, email: &str) -> String {
    pages::consent(&SITE, transaction, email, &simulator.client_id, &request.scopes)
}

/// Who can log in.
pub(crate) fn emails(simulator: &Simulator) -> Vec<String> {
    let data = simulator.portal.data();
    let active = data.owners.iter().filter(|owner| !owner.archived);
    active.map(|owner| owner.email.clone()).collect()
}

fn ended() -> Reply {
    failure(
        "invalid_request",
        "this authorization has ended; start again from the app",
    )
}

/// `POST /oauth/login`.
pub(crate) fn login(simulator: &Simulator, call: &Call) -> Reply {
    let form = call.form();
    let transaction = value_of(&form, "transaction").unwrap_or("");
    if !simulator.portal.oauth().pending.contains_key(transaction) {
        return ended();
    }
    let username = value_of(&form, "username").unwrap_or("").trim().to_lowercase();
    let is_right = value_of(&form, "password") == Some(PASSWORD) && emails(simulator).contains(&username);
    if !is_right {
        let text = "That email address or password is not right.";
        return Reply::html(200, login_page(simulator, transaction, &username, Some(text)));
    }
    let cookie = simulator.random.text(40);
    let mut store = simulator.portal.oauth();
    store.logins.insert(cookie.clone(), username.clone());
    if let Some(request) = store.pending.get_mut(transaction) {
        request.email = Some(username);
    }
    Reply::redirect(303, format!("/oauth/consent?transaction={transaction}")).with(
        "Set-Cookie",
        format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"),
    )
}

/// `GET` and `POST /oauth/consent`.
pub(crate) fn consent(simulator: &Simulator, call: &Call) -> Reply {
    let form = call.form();
    let transaction = value_of(&form, "transaction")
        .or_else(|| call.query_value("transaction"))
        .unwrap_or("");
    let request = simulator.portal.oauth().pending.get(transaction).cloned();
    let known = request.and_then(|request| {
        let email = request.email.clone()?;
        Some((request, email))
    });
    let Some((request, email)) = known else {
        return ended();
    };
    if call.method != "POST" {
        return Reply::html(200, consent_page(simulator, transaction, &request, &email));
    }
    simulator.portal.oauth().pending.remove(transaction);
    if value_of(&form, "decision") == Some("allow") {
        return grant_code(simulator, &request, &email);
    }
    let description = "user denied access to the app";
    back(
        &request,
        &[("error", "access_denied"), ("error_description", description)],
    )
}

fn grant_code(simulator: &Simulator, request: &Request, email: &str) -> Reply {
    let code = format!("na1-{}", errors::correlation_id(&simulator.random));
    simulator.counters().codes_issued += 1;
    let issued = Code {
        request: request.clone(),
        email: email.to_owned(),
        issued_ms: simulator.clock.now_ms(),
        used: false,
    };
    simulator.portal.oauth().codes.insert(code.clone(), issued);
    back(request, &[("code", &code)])
}
