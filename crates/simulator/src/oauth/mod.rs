//! OAuth 2.0 as Salesforce serves it: authorize pages, token endpoint, revocation, introspection, identity.
//!
//! Not here: `id_token` (no signing key), the device grant (`unsupported_grant_type`), SAML.

pub(crate) mod assertion;
pub(crate) mod authorize;
pub(crate) mod grants;
pub(crate) mod introspect;
pub(crate) mod pages;
pub(crate) mod random;
pub(crate) mod sessions;
pub(crate) mod token;

/// The password of every user, printed on the login page.
pub(crate) const PASSWORD: &str = "simulator";

/// Scopes an app may ask for.
pub(crate) const SCOPES: [&str; 14] = [
    "api",
    "refresh_token",
    "offline_access",
    "openid",
    "id",
    "profile",
    "email",
    "address",
    "phone",
    "web",
    "full",
    "chatter_api",
    "cdp_api",
    "custom_permissions",
];

/// What an authorization without `scope` gets: everything the app is set up with.
pub(crate) const DEFAULT_SCOPE: &str = "refresh_token api id";

/// Splits a scope text; the error names the unknown scope.
pub(crate) fn parse_scope(text: Option<&str>) -> Result<Vec<String>, String> {
    let text = text
        .filter(|text| !text.trim().is_empty())
        .unwrap_or(DEFAULT_SCOPE);
    let mut scopes: Vec<String> = Vec::new();
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

/// Whether this scope list gives a refresh token.
pub(crate) fn is_offline(scopes: &[String]) -> bool {
    scopes
        .iter()
        .any(|scope| scope == "refresh_token" || scope == "offline_access")
}
