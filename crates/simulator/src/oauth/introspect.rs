//! Revocation, introspection, userinfo and the identity URL.

use serde_json::{Value, json};

use super::sessions::Session;
use super::token::{client_credentials, oauth_error};
use crate::http::call::{Call, value_of};
use crate::http::reply::Reply;
use crate::http::state::Simulator;

fn bad_token() -> Reply {
    Reply::text(403, "text/plain;charset=UTF-8", "Bad_OAuth_Token".to_owned())
}

/// `GET` or `POST /services/oauth2/revoke`. A refresh token takes its access tokens with it.
pub(crate) fn revoke(simulator: &Simulator, call: &Call) -> Reply {
    let mut pairs = call.query.clone();
    pairs.extend(call.form());
    let Some(token) = value_of(&pairs, "token").filter(|token| !token.is_empty()) else {
        return oauth_error("invalid_request", "missing required parameter: token");
    };
    let revoked = {
        let mut store = simulator.oauth();
        match store.grant_of(token) {
            Some(number) => store.is_current(token) && store.revoke(number),
            None => store.sessions.end(|value, _| value == token) > 0,
        }
    };
    if revoked {
        Reply::empty(200)
    } else {
        oauth_error("invalid_token", "invalid token")
    }
}

/// `POST /services/oauth2/introspect`.
pub(crate) fn introspect(simulator: &Simulator, call: &Call) -> Reply {
    let form = call.form();
    let (id, secret) = client_credentials(call, &form);
    if id.as_deref() != Some(simulator.client_id.as_str()) {
        return oauth_error("invalid_client_id", "client identifier invalid");
    }
    if secret.as_deref() != Some(simulator.client_secret.as_str()) {
        return oauth_error("invalid_client", "invalid client credentials");
    }
    let Some(token) = value_of(&form, "token").filter(|token| !token.is_empty()) else {
        return oauth_error("invalid_request", "missing required parameter: token");
    };
    let active = if simulator.settings().introspection_permitted {
        describe_token(simulator, call, token)
    } else {
        None
    };
    Reply::json(200, active.unwrap_or_else(|| json!({"active": false})))
}

fn describe_token(simulator: &Simulator, call: &Call, token: &str) -> Option<Value> {
    let settings = simulator.settings();
    let now_ms = simulator.clock.now_ms();
    let store = simulator.oauth();
    if let Some(session) = store.sessions.live(token, now_ms, settings.session_ttl_ms) {
        let session = session.clone();
        drop(store);
        let mut body = token_body(
            simulator,
            call,
            &session.user_id,
            &session.scope,
            &session.client_id,
        )?;
        body["token_type"] = json!("access_token");
        body["exp"] = json!(session.used_ms.saturating_add(settings.session_ttl_ms) / 1000);
        body["iat"] = json!(session.issued_ms / 1000);
        body["nbf"] = json!(session.issued_ms / 1000);
        return Some(body);
    }
    let grant = store
        .grant_of(token)
        .filter(|_| store.is_current(token))
        .and_then(|number| store.grant(number))?
        .clone();
    drop(store);
    let mut body = token_body(simulator, call, &grant.user_id, &grant.scope, &grant.client_id)?;
    body["token_type"] = json!("refresh_token");
    body["iat"] = json!(grant.used_ms / 1000);
    body["nbf"] = json!(grant.used_ms / 1000);
    Some(body)
}

fn token_body(
    simulator: &Simulator,
    call: &Call,
    user_id: &str,
    scope: &[String],
    client_id: &str,
) -> Option<Value> {
    Some(json!({
        "active": true,
        "scope": scope.join(" "),
        "client_id": client_id,
        "username": simulator.username(user_id)?,
        "sub": simulator.identity_url(call, user_id),
    }))
}

/// The live session of a call to the identity services: header, or `access_token`/`oauth_token` parameter.
fn session_of(simulator: &Simulator, call: &Call) -> Option<Session> {
    let form = call.form();
    let parameter = ["access_token", "oauth_token"]
        .iter()
        .find_map(|name| call.query_value(name).or_else(|| value_of(&form, name)));
    let header = call.header("authorization").and_then(|value| {
        value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("OAuth "))
    });
    let token = header.or(parameter)?.trim();
    simulator.use_session(token)
}

fn text<'a>(user: &'a Value, field: &str) -> &'a str {
    user[field].as_str().unwrap_or("")
}

fn urls(simulator: &Simulator, call: &Call, user_id: &str) -> Value {
    let base = &call.base_url;
    let org = simulator.org.organization_id();
    let short = org.get(..15).unwrap_or(&org);
    json!({
        "enterprise": format!("{base}/services/Soap/c/{{version}}/{short}"),
        "metadata": format!("{base}/services/Soap/m/{{version}}/{short}"),
        "partner": format!("{base}/services/Soap/u/{{version}}/{short}"),
        "rest": format!("{base}/services/data/v{{version}}/"),
        "sobjects": format!("{base}/services/data/v{{version}}/sobjects/"),
        "search": format!("{base}/services/data/v{{version}}/search/"),
        "query": format!("{base}/services/data/v{{version}}/query/"),
        "recent": format!("{base}/services/data/v{{version}}/recent/"),
        "tooling_soap": format!("{base}/services/Soap/T/{{version}}/{short}"),
        "tooling_rest": format!("{base}/services/data/v{{version}}/tooling/"),
        "profile": format!("{base}/{user_id}"),
        "feeds": format!("{base}/services/data/v{{version}}/chatter/feeds"),
        "groups": format!("{base}/services/data/v{{version}}/chatter/groups"),
        "users": format!("{base}/services/data/v{{version}}/chatter/users"),
        "feed_items": format!("{base}/services/data/v{{version}}/chatter/feed-items"),
        "feed_elements": format!("{base}/services/data/v{{version}}/chatter/feed-elements"),
        "custom_domain": base,
    })
}

/// `GET` or `POST /services/oauth2/userinfo`.
pub(crate) fn userinfo(simulator: &Simulator, call: &Call) -> Reply {
    let Some(session) = session_of(simulator, call) else {
        return bad_token();
    };
    let Some(user) = simulator.user_row(&session.user_id) else {
        return bad_token();
    };
    let base = &call.base_url;
    let id = session.user_id.as_str();
    Reply::json(
        200,
        json!({
            "sub": simulator.identity_url(call, id),
            "user_id": id,
            "organization_id": simulator.org.organization_id(),
            "preferred_username": text(&user, "Username"),
            "nickname": text(&user, "Alias"),
            "name": text(&user, "Name"),
            "email": text(&user, "Email"),
            "email_verified": true,
            "given_name": user["FirstName"],
            "family_name": text(&user, "LastName"),
            "zoneinfo": user["TimeZoneSidKey"],
            "photos": {
                "picture": format!("{base}/profilephoto/005/F"),
                "thumbnail": format!("{base}/profilephoto/005/T"),
            },
            "profile": format!("{base}/{id}"),
            "picture": format!("{base}/profilephoto/005/F"),
            "address": {},
            "is_salesforce_integration_user": false,
            "urls": urls(simulator, call, id),
            "active": user["IsActive"],
            "user_type": text(&user, "UserType").to_uppercase(),
            "language": user["LanguageLocaleKey"],
            "locale": user["LocaleSidKey"],
            "utcOffset": 0,
            "updated_at": user["LastModifiedDate"],
        }),
    )
}

/// `GET /id/<organization>/<user>`.
pub(crate) fn identity(simulator: &Simulator, call: &Call, organization: &str, user: &str) -> Reply {
    let Some(session) = session_of(simulator, call) else {
        return bad_token();
    };
    if organization != simulator.org.organization_id() || user != session.user_id {
        return bad_token();
    }
    let Some(row) = simulator.user_row(user) else {
        return bad_token();
    };
    Reply::json(
        200,
        json!({
            "id": simulator.identity_url(call, user),
            "asserted_user": true,
            "user_id": user,
            "organization_id": organization,
            "username": text(&row, "Username"),
            "nick_name": text(&row, "Alias"),
            "display_name": text(&row, "Name"),
            "email": text(&row, "Email"),
            "email_verified": true,
            "first_name": row["FirstName"],
            "last_name": text(&row, "LastName"),
            "timezone": row["TimeZoneSidKey"],
            "photos": {
                "picture": format!("{}/profilephoto/005/F", call.base_url),
                "thumbnail": format!("{}/profilephoto/005/T", call.base_url),
            },
            "addr_street": null, "addr_city": null, "addr_state": null, "addr_country": null, "addr_zip": null,
            "mobile_phone": row["MobilePhone"],
            "mobile_phone_verified": false,
            "is_lightning_login_user": false,
            "status": {"created_date": null, "body": null},
            "urls": urls(simulator, call, user),
            "active": row["IsActive"],
            "user_type": text(&row, "UserType").to_uppercase(),
            "language": row["LanguageLocaleKey"],
            "locale": row["LocaleSidKey"],
            "utcOffset": 0,
            "last_modified_date": row["LastModifiedDate"],
            "is_app_installed": true,
        }),
    )
}
