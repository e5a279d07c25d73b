//! `provider.yaml`: what the generic machinery needs to know of one provider.

mod batch;
mod file;
mod list;
mod request;
mod run;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use model::Secret;

pub use batch::{Batch, BatchCall, BatchInput, BatchItem};
pub use request::{Refusal, RequestCall, RequestInput, Requested};

use crate::metadata::FieldKind;

/// A provider, loaded and compiled.
#[derive(Debug)]
pub struct ProviderDocument {
    /// The folder's name and the provider's name in the API.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// The provider's API documentation.
    pub docs_url: String,
    /// A picture, when there is one.
    pub logo_url: Option<String>,
    /// Where customers of this provider log in, by name.
    pub environments: BTreeMap<String, Environment>,
    /// How a connection is authorized and kept alive.
    pub auth: Auth,
    /// Where data calls go.
    pub api: Api,
    /// One cheap call that shows whether a connection works.
    pub probe: Option<Probe>,
    /// How records are asked for.
    pub query: Option<Query>,
    /// Where a page of a reply holds what.
    pub page: Page,
    /// How one record is written and read.
    pub records: Records,
    /// How many records are written with one call.
    pub batch: Option<Batch>,
    /// How objects and fields are described.
    pub metadata: Metadata,
    /// What the proxy lets through.
    pub proxy: Proxy,
    expressions: file::Expressions,
    patterns: file::Patterns,
}

/// One place where customers log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// What people see.
    pub label: String,
    /// The origin of the authorize and token endpoints, when it is fixed.
    #[serde(default)]
    pub login_url: Option<String>,
    /// The origin of the token endpoints, when it is not the login's.
    #[serde(default)]
    pub token_url: Option<String>,
    /// Ends that a login host named by the caller must have, when it is not fixed. Each begins with a dot.
    #[serde(default)]
    pub login_host_suffixes: Vec<String>,
}

/// A way to obtain tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// RFC 6749 §4.1, always with PKCE.
    AuthorizationCode,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 7523.
    JwtBearer,
    /// A refresh token brought along.
    RefreshToken,
}

impl Flow {
    /// The name in documents and in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// What a flow without a browser needs to know. See [`ProviderDocument::assertion_audience`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerFlow {
    /// The environments in which the provider offers it; empty means all.
    pub environments: Vec<String>,
    /// How long an assertion is good, s; of `jwt_bearer`.
    pub lifetime_s: u64,
}

/// Where the client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` in the form.
    Body,
    /// HTTP Basic.
    Basic,
}

/// How the end of an access token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenExpiry {
    /// The token response says.
    ExpiresIn,
    /// The introspection endpoint says.
    Introspect,
    /// Nobody says: refreshed when a call answers that the session is over.
    Learned,
}

/// How a connection is authorized and kept alive. Paths are below the login origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The flows this provider offers, the preferred one first.
    pub flows: Vec<Flow>,
    /// Where the browser goes.
    pub authorize_path: String,
    /// Where tokens are issued.
    pub token_path: String,
    /// Where tokens are revoked.
    pub revoke_path: Option<String>,
    /// Where a token is looked at.
    pub introspect_path: Option<String>,
    /// Where the user is described.
    pub userinfo_path: Option<String>,
    /// Scopes asked for when the caller names none.
    pub scopes: Vec<String>,
    /// Further parameters of the authorize URL.
    pub authorize_parameters: BTreeMap<String, String>,
    /// Where the client proves itself.
    pub client_authentication: ClientAuthentication,
    /// How the end of an access token is known.
    pub token_expiry: TokenExpiry,
    /// What to tell the person, by the `error` of the authorize redirect.
    pub authorize_faults: BTreeMap<String, String>,
    /// What to tell the person when the provider does not send the browser back.
    pub stranded: Option<String>,
    /// RFC 6749 §4.4, where the flows name it.
    pub client_credentials: ServerFlow,
    /// RFC 7523, where the flows name it.
    pub jwt_bearer: ServerFlow,
    /// What to tell a tenant whose credential was refused, by the `error_description`, or the `error`, of the token endpoint.
    pub grant_faults: BTreeMap<String, String>,
}

/// One cheap call that needs the connection's credential and nothing of its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Path at the API's host; `{version}` stands for the connection's API version.
    pub path: String,
}

/// Where data calls go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Ends of hosts that data calls may go to. Each begins with a dot.
    #[serde(default)]
    pub host_suffixes: Vec<String>,
    /// A fixed origin, for providers whose token response names none.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Path before every data call's own; `{version}` stands for the connection's API version.
    pub base_path: String,
    /// The version of a connection that pins none.
    #[serde(default)]
    pub default_version: Option<String>,
    /// What a version looks like.
    #[serde(default)]
    pub version_pattern: Option<String>,
    /// Headers of every data call.
    #[serde(default)]
    pub request_headers: BTreeMap<String, String>,
}

/// How records are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryLanguage {
    /// A SOQL statement in a URL parameter.
    Soql,
    /// A request that the document's own expression makes of filters, sorts and the page wanted.
    JsonBody,
}

/// How lists of records are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The language.
    pub language: QueryLanguage,
    /// Path of a query, below the API's base; empty where an expression makes the request.
    pub path: String,
    /// Path of a query that also finds deleted records.
    pub deleted_path: Option<String>,
    /// The URL parameter that holds the statement.
    pub parameter: Option<String>,
    /// Path of a full-text search.
    pub search_path: Option<String>,
    /// Longest URL, bytes; a longer query goes the long way.
    pub url_max_bytes: Option<usize>,
    /// The way of a query that does not fit into a URL.
    pub long: Option<LongQuery>,
}

/// The way of a query that does not fit into a URL. See [`ProviderDocument::long_query_body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongQuery {
    /// HTTP method.
    pub method: String,
    /// Path below the API's base.
    pub path: String,
}

/// Keys of a reply that holds a page of records; paths with dots lead into objects, numbers in them into lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// The key that holds the records.
    pub records: String,
    /// The key that says that no record is left.
    #[serde(default)]
    pub done: Option<String>,
    /// The key that holds the next page's locator.
    #[serde(default)]
    pub next: Option<String>,
    /// The key that holds the number of records on all pages.
    #[serde(default)]
    pub total: Option<String>,
    /// The key that holds the records of a search.
    #[serde(default)]
    pub search_records: Option<String>,
}

/// One call that works on one record. Paths hold `{object}`, `{id}`, `{field}`, `{value}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordCall {
    /// HTTP method.
    pub method: String,
    /// Path below the API's base.
    pub path: String,
    /// The key of the reply that holds the record's id; a path with dots.
    #[serde(default)]
    pub id: Option<String>,
    /// The key of the reply that tells whether an upsert made a new record; a path with dots.
    #[serde(default)]
    pub created: Option<String>,
    /// JSONata that makes the body, where it is not the record itself. See [`ProviderDocument::record_body`].
    #[serde(default)]
    pub body: Option<String>,
}

/// How one record is written and read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// Creates a record.
    #[serde(default)]
    pub create: Option<RecordCall>,
    /// Reads a record; absent when records are read by a query.
    #[serde(default)]
    pub get: Option<RecordCall>,
    /// Changes a record.
    #[serde(default)]
    pub update: Option<RecordCall>,
    /// Deletes a record.
    #[serde(default)]
    pub delete: Option<RecordCall>,
    /// Creates or changes the record that a field's value names.
    #[serde(default)]
    pub upsert: Option<RecordCall>,
    /// Headers of a write that is to be done although the provider thinks the record a duplicate.
    #[serde(default)]
    pub allow_duplicates: BTreeMap<String, String>,
    /// The key of a record that holds its fields, where they do not stand in the record itself. Mappings read and write
    /// fields as if they did.
    #[serde(default)]
    pub fields_key: Option<String>,
    /// Keys that stand beside `fields_key`, in records read and in bodies written. They are not asked for.
    #[serde(default)]
    pub envelope: Vec<String>,
    /// Every value is a text, the empty one none; kinds say what is in it.
    #[serde(default)]
    pub texts: bool,
    /// A field that was asked for stands in every record, empty or not: one that does not is gone.
    #[serde(default)]
    pub answers_empty_fields: bool,
    /// Keys of a record that are not data, at any depth.
    #[serde(default)]
    pub strip: Vec<String>,
    /// The field that holds a record's id.
    pub id_field: String,
    /// What an id looks like.
    #[serde(default)]
    pub id_pattern: Option<String>,
    /// The field that says that a record is deleted.
    #[serde(default)]
    pub deleted_field: Option<String>,
}

/// How objects and fields are described.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Path of an object's description, with `{object}`.
    pub describe_path: Option<String>,
    /// Path of the list of objects.
    pub objects_path: Option<String>,
    /// Our kinds, by the provider's.
    pub kinds: BTreeMap<String, FieldKind>,
}

/// What the proxy lets through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Patterns of paths that may be called.
    #[serde(default)]
    pub paths: Vec<String>,
    /// A path that matches no pattern is put under `api.base_path`.
    #[serde(default)]
    pub default_base: bool,
    /// Request headers passed on, lower case; a final `*` stands for any rest.
    #[serde(default)]
    pub request_headers: Vec<String>,
    /// Response headers not passed on, lower case.
    #[serde(default)]
    pub response_headers_dropped: Vec<String>,
}

/// What a token response tells.
#[derive(Debug, Clone, Default)]
pub struct TokenFacts {
    /// The access token.
    pub access_token: Option<Secret>,
    /// The refresh token; when absent the stored one stays.
    pub refresh_token: Option<Secret>,
    /// The origin of data calls, as the provider said it: to be checked before use.
    pub instance_url: Option<String>,
    /// The scopes granted.
    pub scopes: Option<Vec<String>>,
    /// The provider's id of the organization.
    pub account_id: Option<String>,
    /// The provider's id of the user.
    pub user_id: Option<String>,
    /// Seconds until the access token ends, when told.
    pub expires_in_s: Option<i64>,
}

/// What an error of the token endpoint means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFault {
    /// The grant is over: a person must connect again.
    Dead,
    /// Another request holds the token: look again soon.
    Busy,
    /// Our application is not set up as it should be; the grant may be good.
    Misconfigured,
    /// This customer's side does not let the application in, or not from here; others may, and the grant may be good.
    NotAdmitted,
    /// The provider is out of order: nothing is known about the grant.
    Unavailable,
}

/// One allowance that a reply tells about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// A name for the allowance: `daily`.
    pub policy: String,
    /// How much there is in a window, when told.
    #[serde(default)]
    pub limit: Option<u64>,
    /// How much is left.
    pub remaining: u64,
    /// The window, s.
    #[serde(default)]
    pub window_s: Option<u64>,
    /// When the window ends, as the provider wrote it: seconds, epoch seconds, epoch milliseconds or an HTTP date.
    #[serde(default)]
    pub reset: Option<String>,
    /// What is counted, when not requests: `concurrent-requests`.
    #[serde(default)]
    pub unit: Option<String>,
}

/// A provider's error in our words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// One of [`FAULT_CODES`].
    pub code: String,
    /// The provider's own code.
    #[serde(default)]
    pub provider_code: Option<String>,
    /// The provider's own words.
    #[serde(default)]
    pub message: String,
    /// Provider names of the fields at fault.
    #[serde(default, deserialize_with = "list::list")]
    pub fields: Vec<String>,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub retryable: bool,
    /// Ids of the records that the provider thinks the same as the one to be written.
    #[serde(default, deserialize_with = "list::list")]
    pub duplicates: Vec<String>,
}

/// The codes a provider's error may have. The gateway's documentation explains each.
pub const FAULT_CODES: &[&str] = &[
    "conflict",
    "duplicate_detected",
    "gone",
    "invalid_request",
    "needs_reauth",
    "not_found",
    "permission_denied",
    "rate_limited",
    "rolled_back",
    "upstream_error",
    "upstream_timeout",
    "upstream_unavailable",
    "validation_failed",
];

/// What the reply to a query sent the long way holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LongReply {
    /// The status of the query itself.
    pub status: u16,
    /// The body of the query itself.
    pub body: Value,
}
