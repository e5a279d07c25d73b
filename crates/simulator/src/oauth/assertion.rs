//! The JWT bearer grant (RFC 7523) as Salesforce serves it: RS256 against the certificate of the app, `aud` one of the login
//! hosts, `exp` a few minutes ahead, and a user whom an administrator has admitted.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::token::oauth_error;
use crate::http::reply::Reply;
use crate::http::state::Simulator;

/// `grant_type`.
pub(crate) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How far clocks may differ, s.
const SKEW_S: i64 = 180;
/// How far ahead `exp` may be, s, without the skew.
const LIFETIME_MAX_S: i64 = 180;

/// The user of an assertion that holds. Texts are Salesforce's where a source has them; that of a bad signature is not
/// documented.
pub(crate) fn user_of(simulator: &Simulator, assertion: &str) -> Result<String, Reply> {
    let settings = simulator.settings();
    let invalid = || oauth_error("invalid_grant", "invalid assertion");
    let (signed, signature) = assertion.rsplit_once('.').ok_or_else(invalid)?;
    let (header, claims) = signed.split_once('.').ok_or_else(invalid)?;
    let (header, claims) = (
        read(header).ok_or_else(invalid)?,
        read(claims).ok_or_else(invalid)?,
    );
    if header["alg"] != "RS256" {
        return Err(invalid());
    }
    if claims["iss"] != simulator.client_id.as_str() {
        return Err(oauth_error("invalid_client_id", "client identifier invalid"));
    }
    let is_signed = settings
        .jwt_certificate
        .as_deref()
        .is_some_and(|certificate| is_signed_by(certificate, signed.as_bytes(), signature) == Some(true));
    if !is_signed {
        return Err(invalid());
    }
    let audience = if settings.sandbox {
        "https://test.salesforce.com"
    } else {
        "https://login.salesforce.com"
    };
    if claims["aud"] != audience {
        return Err(oauth_error("invalid_grant", "Audience validation failed"));
    }
    // A client in wide use sends a text.
    let expires_at_s = match &claims["exp"] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let now_s = simulator.clock.now_ms() / 1_000;
    let ahead_s = expires_at_s.ok_or_else(invalid)?.saturating_sub(now_s);
    if !(-SKEW_S..=LIFETIME_MAX_S + SKEW_S).contains(&ahead_s) {
        return Err(invalid());
    }
    let username = claims["sub"].as_str().unwrap_or_default();
    let is_admitted = settings
        .jwt_users
        .as_ref()
        .is_none_or(|admitted| admitted.iter().any(|name| name == username));
    simulator
        .user_id(username)
        .filter(|_| is_admitted)
        .ok_or_else(|| oauth_error("invalid_grant", "user hasn't approved this consumer"))
}

fn read(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn is_signed_by(certificate: &str, signed: &[u8], signature: &str) -> Option<bool> {
    let body: String = certificate
        .split("-----BEGIN CERTIFICATE-----")
        .nth(1)?
        .split("-----END CERTIFICATE-----")
        .next()?
        .split_whitespace()
        .collect();
    let der = rustls_pki_types::CertificateDer::from(STANDARD.decode(body).ok()?);
    let certificate = webpki::EndEntityCert::try_from(&der).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
    Some(
        certificate
            .verify_signature(algorithm, signed, &signature)
            .is_ok(),
    )
}
