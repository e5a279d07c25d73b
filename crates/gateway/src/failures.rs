//! Every error from below becomes a problem here, in one match per kind.

use http::{HeaderName, HeaderValue, StatusCode};
use mapping::{DocumentError, Fault, MappingError};
use provider::{CallError, GrantError, LoginError, QuotaReading};
use serde_json::{Value, json};
use store::StoreError;

use crate::code::Code;
use crate::problem::{Problem, Upstream};
use crate::redact::redact_text;

/// Wait for our own storage, s.
const STORE_RETRY_AFTER_S: u64 = 1;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::new(Code::ResourceNotFound, "There is no such object."),
            StoreError::Conflict { what } => Self::new(Code::Conflict, what),
            StoreError::Invalid { what } => Self::new(Code::InvalidBody, what),
            StoreError::Unavailable { service, reason } => {
                tracing::warn!(service, reason, "the store is unavailable");
                Self::new(
                    Code::TemporarilyUnavailable,
                    "The gateway's own storage does not answer.",
                )
                .retry_after(STORE_RETRY_AFTER_S)
            }
            StoreError::Seal { .. } | StoreError::Corrupt { .. } | StoreError::Configuration { .. } => {
                tracing::error!(%error, "the store holds something unusable");
                Self::new(Code::Internal, "Something stored cannot be read.")
            }
        }
    }
}

impl From<MappingError> for Problem {
    fn from(error: MappingError) -> Self {
        // The error's text names the expression and the place in it, never a value of a record.
        let problem = Self::new(Code::MappingFailed, format!("{error}."));
        if error.callers_own() {
            problem.with_status(StatusCode::UNPROCESSABLE_ENTITY)
        } else {
            problem
        }
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let field = match &error {
            LoginError::Provider { .. } => "provider",
            LoginError::Environment { .. } => "environment",
            LoginError::HostGiven { .. } | LoginError::HostMissing { .. } | LoginError::Host { .. } => {
                "login_host"
            }
        };
        Self::new(Code::InvalidBody, format!("{error}.")).fields([field.to_owned()])
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        let text = format!("{error}.");
        match error {
            GrantError::Login(error) => error.into(),
            GrantError::NotOffered { offered, .. } => {
                let text = if offered.is_empty() {
                    format!("{text} Connect with a link from POST /connect/sessions.")
                } else {
                    text
                };
                Self::new(Code::InvalidBody, text)
                    .fields(["flow".to_owned()])
                    .allowed(offered)
            }
            GrantError::Environment { offered, .. } => Self::new(Code::InvalidBody, text)
                .fields(["environment".to_owned()])
                .allowed(offered),
            GrantError::NoSecret => Self::new(Code::InvalidBody, text)
                .fields(["client_id".to_owned(), "client_secret".to_owned()]),
            GrantError::Key(_) => Self::new(Code::InvalidBody, text).fields(["private_key".to_owned()]),
            GrantError::Refused(refusal) => {
                let said = refusal.description.as_deref().or(refusal.code.as_deref());
                let said = redact_text(said.unwrap_or("nothing more"));
                let detail = match refusal.explanation {
                    Some(explanation) => format!("{explanation} The provider said: {said}."),
                    None => format!("The provider said: {said}."),
                };
                Self::new(Code::CredentialRefused, detail).remote(Some(Upstream {
                    provider: Some(refusal.provider),
                    status: Some(refusal.status),
                    code: refusal.code,
                    ..Upstream::default()
                }))
            }
            GrantError::NoAnswer { .. } => Self::new(Code::UpstreamUnreachable, text).remote(None),
            GrantError::Host(_) => {
                tracing::error!(%error, "a provider named a host that is not its own");
                Self::new(Code::EgressRefused, text).remote(None)
            }
            GrantError::Conflict { what } => Self::new(Code::Conflict, format!("{what}.")),
            GrantError::Store(error) => error.into(),
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let is_retryable = error.is_retryable();
        let text = format!("{error}.");
        match error {
            CallError::NeedsReauth { reason, .. } => Self::new(
                Code::NeedsReauth,
                match reason {
                    Some(reason) => format!("The connection must be authorized again: {reason}."),
                    None => "The connection must be authorized again.".to_owned(),
                },
            ),
            CallError::Paused => Self::new(Code::ConnectionPaused, text),
            CallError::RefreshInProgress { retry_after_s } | CallError::TokenNotSaved { retry_after_s } => {
                Self::new(Code::RefreshInProgress, text).retry_after(retry_after_s)
            }
            CallError::RefreshedRetry => Self::new(Code::RefreshInProgress, text).retry_after(0),
            CallError::SessionRefused => Self::new(Code::UpstreamUnavailable, text)
                .retry_after(1)
                .remote(None),
            CallError::Misconfigured { what } => {
                tracing::error!(what, "a provider's app is misconfigured");
                Self::new(
                    Code::ProviderMisconfigured,
                    "The gateway's app at the provider is not set up as it should be.",
                )
            }
            CallError::NotAdmitted => Self::new(Code::AppNotAdmitted, text),
            CallError::Unreachable { .. } => Self::new(Code::UpstreamUnreachable, text).remote(None),
            CallError::DeadlineExceeded { .. } => Self::new(Code::DeadlineExceeded, text).remote(None),
            CallError::UnexpectedRedirect { .. } => Self::new(Code::UnexpectedRedirect, text).remote(None),
            CallError::ReplyTooLarge { .. } => Self::new(Code::ResponseTooLarge, text).remote(None),
            CallError::BadReply { .. } => Self::new(Code::UnreadableResponse, text).remote(None),
            CallError::BadPath { .. } => Self::new(Code::InvalidPath, text),
            CallError::BadRequest { status, what } => match status {
                405 => Self::new(Code::MethodNotAllowed, what),
                413 => Self::new(Code::BodyTooLarge, what),
                _ => Self::new(Code::MalformedRequest, what),
            },
            CallError::Refused { .. } => Self::new(Code::EgressRefused, text),
            CallError::Rejected { reply } => rejected(Rejection {
                upstream: Upstream {
                    status: Some(reply.status.as_u16()),
                    body: Some(reply.body.clone()),
                    ..Upstream::default()
                },
                fault: None,
                quotas: reply.quotas.clone(),
                headers: Vec::new(),
            }),
            CallError::Store(error) => error.into(),
            CallError::Document(error) => (*error).into(),
        }
        .retryable(is_retryable)
    }
}

impl From<unified::Error> for Problem {
    fn from(error: unified::Error) -> Self {
        use unified::Error;

        let text = format!("{error}.");
        match error {
            Error::UnknownResource { allowed, .. } => Self::new(Code::UnknownResource, text).allowed(allowed),
            Error::Unsupported { .. } => Self::new(Code::UnsupportedOperation, text),
            Error::InvalidParameter {
                parameter,
                message,
                allowed,
            } => Self::new(Code::InvalidParameter, format!("`{parameter}`: {message}."))
                .fields([parameter])
                .allowed(allowed),
            Error::InvalidBody {
                field,
                message,
                allowed,
            } => Self::new(Code::InvalidBody, format!("{message}."))
                .fields(field)
                .allowed(allowed),
            Error::InvalidCursor => Self::new(Code::InvalidCursor, text),
            Error::CursorExpired => Self::new(Code::CursorExpired, text),
            Error::NotFound { .. } => Self::new(Code::NotFound, text),
            Error::InvalidOverride(mistakes) => {
                let first = mistakes
                    .first()
                    .map_or_else(|| text.clone(), |mistake| format!("{mistake}."));
                Self::new(Code::InvalidMapping, first).errors(mistakes.iter().map(mistake).collect())
            }
            Error::QueryRefused { callers_own, .. } => {
                let problem = Self::new(Code::MappingFailed, text);
                if callers_own {
                    problem.with_status(StatusCode::UNPROCESSABLE_ENTITY)
                } else {
                    problem
                }
            }
            Error::Mapping(error) => (*error).into(),
            Error::Call(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Rejected(told) => rejected(Rejection {
                upstream: Upstream {
                    provider: Some(told.provider),
                    status: Some(told.status),
                    code: told.fault.provider_code.clone(),
                    body: Some(told.body),
                },
                fault: Some(told.fault),
                quotas: told.quotas,
                headers: told.headers,
            }),
        }
    }
}

fn mistake(error: &DocumentError) -> Value {
    json!({
        "document": error.document,
        "line": error.line,
        "column": error.column,
        "key": error.key,
        "message": error.message,
    })
}

/// A provider's error answer.
struct Rejection {
    upstream: Upstream,
    fault: Option<Fault>,
    quotas: Vec<QuotaReading>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A provider's error keeps its status, except 401: that is reserved for the caller's own key, and a session that a refresh
/// did not cure means that the connection has lost its access.
fn rejected(rejection: Rejection) -> Problem {
    let Rejection {
        upstream,
        fault,
        quotas,
        headers,
    } = rejection;
    let upstream_status = upstream.status.unwrap_or_default();
    let named = fault.as_ref().and_then(|fault| Code::by_name(&fault.code));
    let (code, status) = match upstream_status {
        401 => (Code::NeedsReauth, StatusCode::CONFLICT),
        // An error's status is never told as a success, whatever the provider did.
        400..=599 => (
            named.unwrap_or_else(|| by_status(upstream_status)),
            StatusCode::from_u16(upstream_status).unwrap_or(StatusCode::BAD_GATEWAY),
        ),
        _ => (named.unwrap_or(Code::UpstreamError), StatusCode::BAD_GATEWAY),
    };
    let words = fault
        .as_ref()
        .map(|fault| redact_text(&fault.message))
        .filter(|words| !words.is_empty());
    let detail = words.unwrap_or_else(|| format!("The provider answered {upstream_status}."));
    let exhausted: Vec<String> = quotas
        .iter()
        .filter(|quota| quota.remaining == 0)
        .map(|quota| quota.policy.clone())
        .collect();
    let mut problem = Problem::new(code, detail).with_status(status);
    if code == Code::RateLimited {
        problem = problem.violated_policies(exhausted);
    }
    if let Some(fault) = fault {
        problem = problem
            .retryable(fault.retryable && code != Code::NeedsReauth)
            .fields(fault.fields)
            .duplicates(fault.duplicates);
    }
    for (name, value) in headers {
        problem = problem.header(name, value);
    }
    problem.remote(Some(upstream)).quotas(quotas)
}

/// The code of an error that no document named.
fn by_status(status: u16) -> Code {
    match status {
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        409 => Code::Conflict,
        410 => Code::Gone,
        412 => Code::PreconditionFailed,
        429 => Code::RateLimited,
        503 => Code::UpstreamUnavailable,
        504 => Code::UpstreamTimeout,
        500..=599 => Code::UpstreamError,
        _ => Code::InvalidRequest,
    }
}

#[cfg(test)]
mod tests;
