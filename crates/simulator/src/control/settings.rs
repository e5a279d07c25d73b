//! Switches that stay until changed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// When a second refresh of a token that is being refreshed answers "already being processed".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DuplicateBlock {
    /// When a latency fault opens a window; without one there is nothing to overlap with.
    Auto,
    /// Always.
    On,
    /// Never: the second one is a reuse, and revokes the family.
    Off,
}

/// What happens to an app that the customer's admin has not installed (September 2025 restriction).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UninstalledApp {
    /// The app is installed.
    Off,
    /// The browser ends on `RemoteAccessErrorPage` and never returns.
    DeadEnd,
    /// The same with the text for external client apps.
    DeadEndExternal,
    /// The error reaches the callback.
    Callback,
    /// The error is the token endpoint's 400.
    Token,
}

/// The second part of `Sforce-Limit-Info` in orgs that meter each app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerApp {
    /// `appName`.
    pub(crate) name: String,
    /// Calls used by the app.
    pub(crate) used: u64,
    /// Calls the app may make.
    pub(crate) max: u64,
}

/// All switches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch of the control plane"
)]
pub(crate) struct Settings {
    /// Refresh token rotation: each refresh answers a new refresh token, and reuse revokes the family.
    pub(crate) rotation: bool,
    /// Under rotation, a refresh ends the sessions the grant had before.
    pub(crate) refresh_ends_session: bool,
    /// "token request is already being processed".
    pub(crate) duplicate_refresh_block: DuplicateBlock,
    /// A client secret must be sent.
    pub(crate) require_secret: bool,
    /// `code_challenge` must be sent.
    pub(crate) require_pkce: bool,
    /// `grant_type=password` works.
    pub(crate) password_grant: bool,
    /// The simulator plays `login.salesforce.com`, where `client_credentials` is refused.
    pub(crate) login_host: bool,
    /// Run-as user of `client_credentials`; `null` = the admin.
    pub(crate) run_as_username: Option<String>,
    /// The certificate uploaded to the app, PEM: whose assertions are taken; `null` = nobody's.
    pub(crate) jwt_certificate: Option<String>,
    /// Usernames that an administrator has admitted to the app; `null` = all.
    pub(crate) jwt_users: Option<Vec<String>>,
    /// The org is a sandbox: assertions are for test.salesforce.com.
    pub(crate) sandbox: bool,
    /// Session life, milliseconds; slides with use.
    pub(crate) session_ttl_ms: i64,
    /// Life of an authorization code, milliseconds.
    pub(crate) code_ttl_ms: i64,
    /// A refresh token unused for so long is dead, milliseconds; `null` = never.
    pub(crate) refresh_idle_ttl_ms: Option<i64>,
    /// Live grants per user and app; one more revokes the oldest.
    pub(crate) grants_per_user: usize,
    /// Daily API calls of the org.
    pub(crate) daily_limit: u64,
    /// Daily API calls already used.
    pub(crate) daily_used: u64,
    /// Per-app form of `Sforce-Limit-Info`.
    pub(crate) per_app: Option<PerApp>,
    /// Rows per page instead of the size chosen by width.
    pub(crate) page_size: Option<usize>,
    /// Pages of random length, never empty.
    pub(crate) random_short_pages: bool,
    /// Life of a query locator, milliseconds.
    pub(crate) locator_ttl_ms: i64,
    /// Status of `INVALID_QUERY_LOCATOR`: sources disagree between 400 and 404.
    pub(crate) locator_error_status: u16,
    /// `GET authorize` answers a code at once for `login_hint`, or the admin: no pages.
    pub(crate) auto_consent: bool,
    /// The app-installation restriction.
    pub(crate) uninstalled_app: UninstalledApp,
    /// Introspection tells the truth; otherwise every token is `active: false`.
    pub(crate) introspection_permitted: bool,
    /// Callers have "View Setup": `/limits` answers.
    pub(crate) view_setup: bool,
    /// `instance_url` of token answers; `null` = the URL the simulator was reached at.
    pub(crate) instance_url: Option<String>,
    /// Host of the identity URL, e.g. `https://login.salesforce.com`; `null` = the URL reached.
    pub(crate) identity_host: Option<String>,
    /// Life of an access token of the HubSpot portal, milliseconds.
    pub(crate) hubspot_token_ttl_ms: i64,
    /// The portal's calls of ten rolling seconds, searches apart.
    pub(crate) hubspot_interval_limit: usize,
    /// The portal's searches of one second.
    pub(crate) hubspot_search_limit: usize,
    /// The portal tells the day's allowance, `daily_limit` and `daily_used`, in headers.
    pub(crate) hubspot_daily_headers: bool,
}

impl Settings {
    /// Changes the given keys. The error names the key and what it takes.
    pub(crate) fn patch(&self, changes: &Map<String, Value>) -> Result<Self, String> {
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Some(map) = all.as_object_mut() {
            for (key, value) in changes {
                map.insert(key.clone(), value.clone());
            }
        }
        serde_json::from_value(all).map_err(|error| error.to_string())
    }
}
