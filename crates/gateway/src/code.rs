//! The taxonomy of errors: one closed list, which the OpenAPI document and the documentation page print.

use http::StatusCode;

/// What a caller needs to know about one kind of error.
struct Facts {
    name: &'static str,
    status: u16,
    retryable: bool,
    title: &'static str,
    remedy: &'static str,
}

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal, $retryable:literal, $title:literal, $remedy:literal;)*) => {
        /// A kind of error. `code` in an error body is one of these names, and their meaning does not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in the order the documentation lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn facts(self) -> Facts {
                match self {
                    $(Self::$variant => Facts {
                        name: $name, status: $status, retryable: $retryable, title: $title, remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

codes! {
    // The caller's request.
    AuthenticationRequired = "authentication_required", 401, false, "No API key was sent",
        "Send `Authorization: Bearer <key>`.";
    InvalidApiKey = "invalid_api_key", 401, false, "The API key is not valid",
        "The key is unknown, expired or revoked. Use another one.";
    TooManyBadKeys = "too_many_bad_keys", 429, true, "Too many API keys from this address were not valid",
        "Nothing was looked up. Correct the key; one that this node does not know yet works again after `Retry-After` seconds.";
    OperatorKeyRequired = "operator_key_required", 403, false, "This route takes the operator key",
        "Routes under /admin take the operator key of the configuration, not a tenant's key.";
    TenantKeyRequired = "tenant_key_required", 403, false, "This route takes a tenant's API key",
        "The operator key reaches /admin only. Make a tenant key with POST /admin/keys.";
    ScopeRequired = "scope_required", 403, false, "The API key lacks a scope",
        "`detail` names the scope. Use a key that has it; a key without any scope listed may do everything.";
    UnknownRoute = "unknown_route", 404, false, "No such route", "See /openapi.json.";
    MethodNotAllowed = "method_not_allowed", 405, false, "The method is not allowed here",
        "The `Allow` header lists the methods of a route of ours; a provider says so in `upstream`.";
    MalformedRequest = "malformed_request", 400, false, "The request is malformed",
        "The request's framing, headers or percent-encoding could be read in two ways; it was not acted upon.";
    UrlTooLong = "url_too_long", 414, false, "The URL is too long", "Ask for less in one request.";
    BodyTooLarge = "body_too_large", 413, false, "The request body is too large", "`detail` tells the limit.";
    BodyTimeout = "body_timeout", 408, true, "The request body did not arrive in time", "Send it again.";
    UnsupportedMediaType = "unsupported_media_type", 415, false, "The body's type is not accepted",
        "Send `Content-Type: application/json`, not compressed. Mappings may also be `application/yaml`.";
    InvalidJson = "invalid_json", 400, false, "The body is not acceptable JSON",
        "One JSON value, no key twice in an object, at most 64 levels deep, nothing after it.";
    InvalidBody = "invalid_body", 400, false, "The body is not what this route takes",
        "`detail` says what is wrong, `fields` where, `allowed` what would be accepted.";
    InvalidParameter = "invalid_parameter", 400, false, "A parameter is not accepted",
        "`detail` names the parameter, `allowed` lists what would be accepted.";
    InvalidCursor = "invalid_cursor", 400, false, "The cursor does not belong to this request",
        "Send a cursor with the connection, resource, filters and order it was given for, unchanged.";
    CursorExpired = "cursor_expired", 410, false, "The cursor has expired", "Start from the first page.";
    ConnectionRequired = "connection_required", 400, false, "No connection was chosen",
        "Send `X-Connection-Id`, or `X-Connection-External-Id` with `X-Provider`.";
    ConnectionNotFound = "connection_not_found", 404, false, "No such connection",
        "Your API key knows no such connection. List yours with GET /connections.";
    ResourceNotFound = "resource_not_found", 404, false, "No such object", "It does not exist, or is not yours.";
    UnknownResource = "unknown_resource", 404, false, "The provider has no such resource",
        "`allowed` lists the resources of this connection.";
    UnknownProvider = "unknown_provider", 404, false, "No such provider", "`allowed` lists the providers.";
    UnsupportedOperation = "unsupported_operation", 400, false, "The resource does not do this",
        "GET /unified/meta/crm/{resource} tells what a resource does with this provider.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, false, "The idempotency key was used for another request",
        "Send a key of its own with each write; a retry repeats method, path, query and body as they were.";
    IdempotencyKeyInUse = "idempotency_key_in_use", 409, true, "The first request with this idempotency key is under way",
        "Try again after `Retry-After` seconds: the answer of the first request will be replayed.";
    OutcomeUnknown = "outcome_unknown", 409, false, "Whether the write was carried out is not known",
        "Look whether the provider has it. If not, write again with a new idempotency key. Retries with this one send nothing.";
    AnswerNotKept = "answer_not_kept", 409, false, "The write was answered, and the answer was too large to keep",
        "`detail` tells its status. Read what was written.";
    InvalidMapping = "invalid_mapping", 422, false, "The mapping document cannot be used",
        "`errors` lists every mistake with its line, column and key.";
    MappingFailed = "mapping_failed", 500, false, "A mapping failed",
        "With 422 an override of yours failed: correct it or take it back. With 500 a mapping that ships with the gateway did.";
    NeedsReauth = "needs_reauth", 409, false, "The connection has lost its access",
        "Make a connect session with this `connection_id` and let the customer connect again. Until then nothing is sent to the provider.";
    ConnectionPaused = "connection_paused", 409, false, "The connection is paused",
        "Nothing is sent to the provider until PATCH /connections/{id} with `paused: false`.";

    // The provider's answer.
    CredentialRefused = "credential_refused", 422, false, "The provider refused the credential",
        "Nothing was stored. `detail` says what to change, `upstream` what the provider said.";
    InvalidRequest = "invalid_request", 400, false, "The provider refused the request",
        "`upstream` holds what it said.";
    ValidationFailed = "validation_failed", 400, false, "The provider refused a value",
        "`fields` names the fields; the rules are the customer's own.";
    PermissionDenied = "permission_denied", 403, false, "The connected user may not do this",
        "The customer's administrator must grant it to the connected user.";
    NotFound = "not_found", 404, false, "No such record", "It does not exist, or the connected user cannot see it.";
    Conflict = "conflict", 409, false, "The request conflicts with what is there", "Read the present state first.";
    DuplicateDetected = "duplicate_detected", 400, false, "The provider found a duplicate",
        "`duplicates` names the records it means. Change one of them, or write all the same with `allow_duplicates=true`.";
    RolledBack = "rolled_back", 424, false, "Not written because of another record",
        "The request was all or nothing: see the results of the other records.";
    RecordLocked = "record_locked", 400, true, "The record is locked", "Somebody else is writing it: try again.";
    PreconditionFailed = "precondition_failed", 412, false, "A condition of the request was not met",
        "Read the record again.";
    Gone = "gone", 410, false, "What was asked for is gone", "Start over.";
    RateLimited = "rate_limited", 429, true, "The provider's limit is reached",
        "The status is the provider's own. Wait for `Retry-After` or `ratelimit-reset` when they are there; nothing was retried.";
    UpstreamError = "upstream_error", 502, false, "The provider answered with an error",
        "`upstream` holds what it said.";
    UpstreamUnavailable = "upstream_unavailable", 503, true, "The provider is out of order", "Try again later.";
    UpstreamTimeout = "upstream_timeout", 504, true, "The provider gave up on the request",
        "Ask for less, or try again later.";

    // Between us and the provider.
    UpstreamUnreachable = "upstream_unreachable", 502, true, "The provider could not be reached", "Try again later.";
    DeadlineExceeded = "deadline_exceeded", 504, true, "No answer came in time",
        "A read can be repeated. After a write, look first whether it was done.";
    UnexpectedRedirect = "unexpected_redirect", 502, false, "The provider answered with a redirect",
        "Redirects are never followed. The connection's address may have changed: connect again.";
    ResponseTooLarge = "response_too_large", 502, false, "The provider's answer is too large",
        "Ask for fewer records or fields.";
    UnreadableResponse = "unreadable_response", 502, false, "The provider's answer could not be read",
        "Report it with the `request_id`.";
    InvalidPath = "invalid_path", 400, false, "The path may not be called through the proxy",
        "`detail` says why.";
    EgressRefused = "egress_refused", 502, false, "The address may not be called",
        "Only the provider's own hosts are called. The operator may allow more.";
    RefreshInProgress = "refresh_in_progress", 503, true, "The connection's access is being renewed",
        "Try again after `Retry-After` seconds.";
    AppNotAdmitted = "app_not_admitted", 403, false, "The customer's org does not let the app in",
        "An administrator of the org installs or approves the app, or admits the gateway's address; the connection then works again, as it is.";
    ProviderMisconfigured = "provider_misconfigured", 500, false, "The gateway's app at the provider is not set up",
        "The operator must correct the app's registration or its credentials in the configuration.";

    // Ourselves.
    Overloaded = "overloaded", 503, true, "Too many requests at once",
        "Nothing was sent to the provider. Try again after `Retry-After` seconds, with fewer requests at one time.";
    TemporarilyUnavailable = "temporarily_unavailable", 503, true, "The gateway cannot reach its own storage",
        "Try again after `Retry-After` seconds.";
    Internal = "internal", 500, false, "An error of the gateway", "Report it with the `request_id`.";
}

impl Code {
    /// The name in `code`.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The usual status. A provider's own status takes its place.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        self.facts().retryable
    }

    /// One line for `title`.
    pub const fn title(self) -> &'static str {
        self.facts().title
    }

    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        self.facts().remedy
    }

    /// The code of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}
