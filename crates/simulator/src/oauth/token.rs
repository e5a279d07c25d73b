//! `POST /services/oauth2/token`.
//!
//! A refresh has two halves, so that a latency window can lie between them: [`begin`] checks the token and marks
//! the grant as being processed, [`finish`] commits.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::grants::{Code, Grant, Refusal};
use super::sessions::{Life, Session};
use super::{DEFAULT_SCOPE, PASSWORD, assertion, is_offline, parse_scope};
use crate::control::settings::{DuplicateBlock, UninstalledApp};
use crate::http::call::{Call, decode, value_of};
use crate::http::reply::{Answer, Reply};
use crate::http::state::Simulator;

/// A token request that has passed the checks made on arrival.
#[derive(Debug)]
pub(crate) struct Ticket {
    form: Vec<(String, String)>,
    grant_type: String,
    /// The grant marked as being processed.
    processing: Option<u64>,
}

/// A POST to this endpoint.
pub(crate) fn is_here(call: &Call) -> bool {
    call.method == "POST" && call.path.trim_end_matches('/') == "/services/oauth2/token"
}

/// An error of the token endpoint.
pub(crate) fn oauth_error(error: &str, description: &str) -> Reply {
    let mut body = Map::new();
    body.insert("error".to_owned(), Value::from(error));
    body.insert("error_description".to_owned(), Value::from(description));
    with_token_headers(Reply::json(400, Value::Object(body)))
}

fn with_token_headers(reply: Reply) -> Reply {
    reply.with("Cache-Control", "no-cache, no-store".to_owned())
}

/// The credentials a client sends: the body's if it holds both, else HTTP Basic, else the body's id alone.
pub(crate) fn client_credentials(call: &Call, form: &[(String, String)]) -> (Option<String>, Option<String>) {
    let id = value_of(form, "client_id").map(str::to_owned);
    let secret = value_of(form, "client_secret").map(str::to_owned);
    if id.is_some() && secret.is_some() {
        return (id, secret);
    }
    let basic = call
        .header("authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match basic.as_deref().and_then(|text| text.split_once(':')) {
        Some((id, secret)) => (Some(decode(id)), Some(decode(secret))),
        None => (id, secret),
    }
}

fn authenticate(simulator: &Simulator, call: &Call, form: &[(String, String)]) -> Result<(), Reply> {
    let (id, secret) = client_credentials(call, form);
    let Some(id) = id else {
        return Err(oauth_error(
            "invalid_request",
            "missing required parameter: client_id",
        ));
    };
    if id != simulator.client_id {
        return Err(oauth_error("invalid_client_id", "client identifier invalid"));
    }
    match secret {
        Some(secret) if secret == simulator.client_secret => Ok(()),
        None if !simulator.settings().require_secret => Ok(()),
        _ => Err(oauth_error("invalid_client", "invalid client credentials")),
    }
}

fn required<'a>(form: &'a [(String, String)], name: &str) -> Result<&'a str, Reply> {
    value_of(form, name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| oauth_error("invalid_request", &format!("missing required parameter: {name}")))
}

/// Checks a request on arrival. `window` = a latency fault will hold it before the commit.
pub(crate) fn begin(simulator: &Simulator, call: &Call, window: bool) -> Result<Ticket, Reply> {
    let form = call.form();
    let grant_type = required(&form, "grant_type")?.to_owned();
    // An assertion proves itself.
    if grant_type != assertion::GRANT_TYPE {
        authenticate(simulator, call, &form)?;
    }
    let mut processing = None;
    if grant_type == "refresh_token" {
        let settings = simulator.settings();
        let number = present(simulator, required(&form, "refresh_token")?)?;
        let block = match settings.duplicate_refresh_block {
            DuplicateBlock::On => true,
            DuplicateBlock::Off => false,
            DuplicateBlock::Auto => window,
        };
        if block {
            if !simulator.oauth().start_processing(number) {
                return Err(refusal(simulator, Refusal::Processing));
            }
            processing = Some(number);
        }
    }
    Ok(Ticket {
        form,
        grant_type,
        processing,
    })
}

fn present(simulator: &Simulator, refresh_token: &str) -> Result<u64, Reply> {
    let idle = simulator.settings().refresh_idle_ttl_ms;
    let now_ms = simulator.clock.now_ms();
    let outcome = simulator
        .oauth()
        .present(refresh_token, &simulator.client_id, now_ms, idle);
    outcome.map_err(|reason| refusal(simulator, reason))
}

fn refusal(simulator: &Simulator, reason: Refusal) -> Reply {
    let mut counters = simulator.counters();
    match reason {
        Refusal::Dead => {}
        Refusal::Reused => {
            counters.reuse_detections += 1;
            counters.family_revocations += 1;
        }
        Refusal::Processing => {
            counters.duplicate_refreshes += 1;
            return oauth_error("invalid_grant", "token request is already being processed");
        }
    }
    oauth_error("invalid_grant", "expired access/refresh token")
}

/// Commits and answers.
pub(crate) fn finish(simulator: &Simulator, call: &Call, ticket: &Ticket) -> Reply {
    let answer = if simulator.settings().uninstalled_app == UninstalledApp::Token {
        Err(oauth_error("invalid_client", "app must be installed into org"))
    } else {
        match ticket.grant_type.as_str() {
            "authorization_code" => authorization_code(simulator, call, &ticket.form),
            "refresh_token" => refresh(simulator, call, ticket),
            "client_credentials" => run_as(simulator, call),
            assertion::GRANT_TYPE => asserted(simulator, call, &ticket.form),
            "password" => password(simulator, call, &ticket.form),
            _ => Err(oauth_error("unsupported_grant_type", "grant type not supported")),
        }
    };
    if let Some(number) = ticket.processing {
        simulator.oauth().stop_processing(number);
    }
    match answer {
        Ok(reply) => {
            let mut counters = simulator.counters();
            *counters
                .tokens_issued
                .entry(ticket.grant_type.clone())
                .or_default() += 1;
            reply
        }
        Err(reply) => reply,
    }
}

fn authorization_code(simulator: &Simulator, call: &Call, form: &[(String, String)]) -> Answer {
    let code = required(form, "code")?;
    let redirect_uri = required(form, "redirect_uri")?;
    let settings = simulator.settings();
    let now_ms = simulator.clock.now_ms();
    let found = {
        let mut store = simulator.oauth();
        let found = store.codes.get(code).cloned();
        // One try only: a code that failed a check is as dead as a used one.
        if let Some(code) = store.codes.get_mut(code) {
            code.used = true;
        }
        found
    };
    let Some(found) = found else {
        return Err(oauth_error("invalid_grant", "invalid authorization code"));
    };
    if found.used || now_ms >= found.issued_ms.saturating_add(settings.code_ttl_ms) {
        return Err(oauth_error("invalid_grant", "expired authorization code"));
    }
    if found.request.redirect_uri != redirect_uri {
        return Err(oauth_error(
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
        ));
    }
    check_verifier(&found, value_of(form, "code_verifier"))?;

    let scope = found.request.scope.clone();
    let refresh_token = is_offline(&scope).then(|| simulator.new_refresh_token());
    let grant = Grant {
        user_id: found.user_id,
        client_id: found.request.client_id,
        scope,
        used_ms: now_ms,
        refresh_token,
        processing: false,
        dead: false,
    };
    Ok(issue(simulator, call, &grant))
}

fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), Reply> {
    let Some(challenge) = &code.request.code_challenge else {
        return Ok(());
    };
    let Some(verifier) = verifier.filter(|verifier| !verifier.is_empty()) else {
        return Err(oauth_error("invalid_grant", "invalid code verifier"));
    };
    // No upper bound: a client in wide use sends 171 characters and is served.
    let computed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    if verifier.len() < 43 || computed != challenge.trim_end_matches('=') {
        return Err(oauth_error("invalid_request", "invalid code verifier"));
    }
    Ok(())
}

/// Keeps a grant and answers with its first tokens. Also used by the control plane.
pub(crate) fn issue(simulator: &Simulator, call: &Call, grant: &Grant) -> Reply {
    let most = simulator.settings().grants_per_user;
    let (number, evicted) = simulator.oauth().add(grant.clone(), most);
    simulator.counters().evictions += evicted as u64;
    let refresh_token = grant.refresh_token.clone();
    token_reply(simulator, call, grant, Some(number), refresh_token.as_deref())
}

fn refresh(simulator: &Simulator, call: &Call, ticket: &Ticket) -> Answer {
    let settings = simulator.settings();
    let refresh_token = required(&ticket.form, "refresh_token")?;
    let rotated = settings.rotation.then(|| simulator.new_refresh_token());
    let ends = settings.rotation && settings.refresh_ends_session;
    let now_ms = simulator.clock.now_ms();
    // Checked again, and committed under the same lock: the token may have been rotated or revoked while this
    // request waited.
    let committed = {
        let mut store = simulator.oauth();
        let idle = settings.refresh_idle_ttl_ms;
        store
            .present(refresh_token, &simulator.client_id, now_ms, idle)
            .and_then(|number| {
                let grant = store.renew(number, now_ms, rotated.clone(), ends);
                grant.map(|grant| (number, grant)).ok_or(Refusal::Dead)
            })
    };
    let (number, grant) = committed.map_err(|reason| refusal(simulator, reason))?;
    if rotated.is_some() {
        simulator.counters().rotations += 1;
    }
    Ok(token_reply(
        simulator,
        call,
        &grant,
        Some(number),
        rotated.as_deref(),
    ))
}

fn run_as(simulator: &Simulator, call: &Call) -> Answer {
    let settings = simulator.settings();
    let host = call.header("host").unwrap_or("");
    if settings.login_host || host.starts_with("login.") || host.starts_with("test.") {
        return Err(oauth_error(
            "invalid_grant",
            "request not supported on this domain",
        ));
    }
    let user_id = match &settings.run_as_username {
        Some(username) => simulator.user_id(username),
        None => Some(simulator.org.admin_user_id()),
    };
    let Some(user_id) = user_id else {
        return Err(oauth_error("invalid_grant", "no client credentials user enabled"));
    };
    let grant = simulator.passing_grant(user_id, "api id");
    Ok(token_reply(simulator, call, &grant, None, None))
}

fn asserted(simulator: &Simulator, call: &Call, form: &[(String, String)]) -> Answer {
    let user_id = assertion::user_of(simulator, required(form, "assertion")?)?;
    let grant = simulator.passing_grant(user_id, "api id");
    Ok(token_reply(simulator, call, &grant, None, None))
}

fn password(simulator: &Simulator, call: &Call, form: &[(String, String)]) -> Answer {
    let username = required(form, "username")?;
    let given = required(form, "password")?;
    let allowed = simulator.settings().password_grant && given == PASSWORD;
    match simulator.user_id(username).filter(|_| allowed) {
        Some(user_id) => {
            let grant = simulator.passing_grant(user_id, "api id");
            Ok(token_reply(simulator, call, &grant, None, None))
        }
        None => Err(oauth_error("invalid_grant", "authentication failure")),
    }
}

/// Opens a session and prints the token answer. There is no `expires_in`, and every value is a string.
fn token_reply(
    simulator: &Simulator,
    call: &Call,
    grant: &Grant,
    number: Option<u64>,
    refresh_token: Option<&str>,
) -> Reply {
    let settings = simulator.settings();
    let now_ms = simulator.clock.now_ms();
    let access_token = simulator.new_access_token();
    simulator.oauth().sessions.insert(
        access_token.clone(),
        Session {
            user_id: grant.user_id.clone(),
            client_id: grant.client_id.clone(),
            scope: grant.scope.clone(),
            grant: number,
            issued_ms: now_ms,
            used_ms: now_ms,
            life: Life::Alive,
        },
    );
    let id = simulator.identity_url(call, &grant.user_id);
    let issued_at = now_ms.to_string();
    let mut pairs = vec![("access_token", access_token)];
    if let Some(token) = refresh_token {
        pairs.push(("refresh_token", token.to_owned()));
    }
    pairs.push(("signature", signature(&simulator.client_secret, &id, &issued_at)));
    pairs.push(("scope", grant.scope.join(" ")));
    let instance_url = settings.instance_url.unwrap_or_else(|| call.base_url.clone());
    pairs.push(("instance_url", instance_url));
    pairs.push(("id", id));
    pairs.push(("token_type", "Bearer".to_owned()));
    pairs.push(("issued_at", issued_at));
    let body: Map<String, Value> = pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect();
    with_token_headers(Reply::json(200, Value::Object(body)))
}

/// base64 of HMAC-SHA256(id + `issued_at`, consumer secret).
fn signature(secret: &str, id: &str, issued_at: &str) -> String {
    // HMAC takes a key of any length; the error side cannot be reached and would show as an empty signature.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(id.as_bytes());
            mac.update(issued_at.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        },
    )
}

/// A grant for a test that asks the control plane for tokens.
pub(crate) fn mint(
    simulator: &Simulator,
    call: &Call,
    user_id: String,
    scope: Option<&str>,
) -> Result<Reply, String> {
    let scope = parse_scope(scope.or(Some(DEFAULT_SCOPE)))?;
    let refresh_token = is_offline(&scope).then(|| simulator.new_refresh_token());
    Ok(issue(
        simulator,
        call,
        &Grant {
            user_id,
            client_id: simulator.client_id.clone(),
            scope,
            used_ms: simulator.clock.now_ms(),
            refresh_token,
            processing: false,
            dead: false,
        },
    ))
}
