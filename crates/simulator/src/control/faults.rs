//! Faults: what goes wrong, for which requests, and how often.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hostile::Shape;
use crate::http::call::{Call, value_of};
use crate::http::errors::{self, MAINTENANCE_PAGE};
use crate::http::reply::Reply;
use crate::http::state::Simulator;
use crate::hubspot;

/// Whether the request is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The fault comes first; nothing is carried out.
    #[default]
    Before,
    /// The request is carried out and committed, then its answer is delayed, replaced or lost.
    After,
}

/// Which allowance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// 403, daily, rolling 24 hours.
    Daily,
    /// 403, long-running calls.
    Concurrent,
    /// 403, long-running calls, older text.
    ConcurrentOld,
    /// 429 of an edge in front; of the HubSpot portal, that of ten seconds.
    Http429,
    /// 429 of the portal's searches.
    Secondly,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Waits. With phase `after`, the wait comes after the commit.
    Latency { latency_ms: u64 },
    /// Answers this status and text.
    Status {
        status: u16,
        #[serde(default)]
        body: String,
        #[serde(default = "html")]
        content_type: String,
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// 503 with the recorded maintenance page.
    Outage {},
    /// An error array of the data API.
    Error {
        status: u16,
        code: String,
        message: String,
        #[serde(default)]
        fields: Option<Vec<String>>,
    },
    /// An error object of the token endpoint.
    TokenError {
        error: String,
        error_description: String,
        #[serde(default = "bad_request")]
        status: u16,
    },
    /// A used-up allowance.
    Limit { limit: Limit },
    /// The 401 that refreshing cannot help.
    SessionNotForRest {},
    /// The 401 of a dead session, though the session lives.
    SessionInvalid {},
    /// A redirect.
    Redirect {
        #[serde(default = "found")]
        status: u16,
        location: String,
    },
    /// Closes the connection without an answer.
    Cut {},
    /// An answer made to hurt its reader.
    Hostile {
        shape: Shape,
        /// Size of the (unzipped) body.
        #[serde(default = "hostile_bytes")]
        bytes: u64,
    },
    /// Takes `refresh_token` out of a token answer.
    MissingRefreshToken {},
    /// Puts these keys into a token answer; a null takes the key out.
    TokenFields { fields: serde_json::Map<String, Value> },
}

fn html() -> String {
    "text/html".to_owned()
}

fn bad_request() -> u16 {
    400
}

fn found() -> u16 {
    302
}

fn hostile_bytes() -> u64 {
    1 << 30
}

/// An effect and the requests it strikes. Every condition that is given must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// Set by the simulator.
    #[serde(default)]
    pub(crate) id: u64,
    /// What goes wrong.
    #[serde(flatten)]
    pub(crate) effect: Effect,
    /// Before or after the commit.
    #[serde(default)]
    pub(crate) phase: Phase,
    /// How many requests are struck; absent = every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u64>,
    /// How many matching requests are spared first.
    #[serde(default)]
    pub(crate) skip: u64,
    /// Prefix of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// `grant_type` of a token request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grant_type: Option<String>,
}

impl Fault {
    fn strikes(&self, call: &Call) -> bool {
        let path = self
            .path
            .as_deref()
            .is_none_or(|prefix| call.path.starts_with(prefix));
        let method = self.method.as_deref().is_none_or(|method| method == call.method);
        let grant = self
            .grant_type
            .as_deref()
            .is_none_or(|grant| value_of(&call.form(), "grant_type") == Some(grant));
        path && method && grant
    }
}

/// What the faults that struck one request do to it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Wait before the work, milliseconds.
    pub(crate) before_ms: u64,
    /// Wait after the work, milliseconds.
    pub(crate) after_ms: u64,
    /// The fault that takes the place of the answer, and when.
    pub(crate) instead: Option<(Phase, Effect)>,
    /// Changes to a token answer.
    pub(crate) token_fields: Vec<(String, Value)>,
}

/// Every fault that is set.
#[derive(Debug, Default)]
pub(crate) struct FaultBoard {
    faults: Vec<Fault>,
    last_id: u64,
}

impl FaultBoard {
    /// Adds a fault and gives its id.
    pub(crate) fn add(&mut self, mut fault: Fault) -> u64 {
        self.last_id += 1;
        fault.id = self.last_id;
        self.faults.push(fault);
        self.last_id
    }

    /// Every fault with hits left.
    pub(crate) fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// Uses up one hit of each fault that strikes. Of several answers the first added wins; waits add up.
    pub(crate) fn strike(&mut self, call: &Call) -> Plan {
        let mut plan = Plan::default();
        for fault in &mut self.faults {
            if !fault.strikes(call) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            match (&fault.effect, fault.phase) {
                (Effect::Latency { latency_ms }, Phase::Before) => plan.before_ms += latency_ms,
                (Effect::Latency { latency_ms }, Phase::After) => plan.after_ms += latency_ms,
                (Effect::MissingRefreshToken {}, _) => {
                    plan.token_fields.push(("refresh_token".to_owned(), Value::Null));
                }
                (Effect::TokenFields { fields }, _) => plan
                    .token_fields
                    .extend(fields.iter().map(|(key, value)| (key.clone(), value.clone()))),
                // The second answer keeps its hit for the next request.
                (_, _) if plan.instead.is_some() => continue,
                (effect, phase) => plan.instead = Some((phase, effect.clone())),
            }
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
            }
        }
        self.faults.retain(|fault| fault.times != Some(0));
        plan
    }
}

impl Effect {
    /// The answer of an effect that is an ordinary answer, in the words of whom was called; `None` for the others.
    pub(crate) fn reply(&self, simulator: &Simulator, call: &Call) -> Option<Reply> {
        if hubspot::is_ours(&call.path)
            && let Some(reply) = self.portal_reply(simulator)
        {
            return Some(reply);
        }
        Some(match self {
            Self::Status {
                status,
                body,
                content_type,
                headers,
            } => Reply {
                headers: headers.clone(),
                ..Reply::text(*status, content_type, body.clone())
            },
            Self::Outage {} => Reply::text(503, "text/html", MAINTENANCE_PAGE.to_owned()),
            Self::Error {
                status,
                code,
                message,
                fields,
            } => {
                let mut error = errors::error(*status, code, message);
                error.fields.clone_from(fields);
                errors::from_org(&error)
            }
            Self::TokenError {
                error,
                error_description,
                status,
            } => Reply::json(
                *status,
                json!({"error": error, "error_description": error_description}),
            ),
            Self::Limit { limit } => limit_reply(*limit),
            Self::SessionNotForRest {} => errors::session_not_for_rest(),
            Self::SessionInvalid {} => errors::session_invalid(),
            Self::Redirect { status, location } => Reply::redirect(*status, location.clone()),
            Self::Latency { .. }
            | Self::Cut {}
            | Self::Hostile { .. }
            | Self::MissingRefreshToken {}
            | Self::TokenFields { .. } => return None,
        })
    }
}

impl Effect {
    /// The effects that the portal words differently.
    fn portal_reply(&self, simulator: &Simulator) -> Option<Reply> {
        use hubspot::errors::{self, Fault, Policy};
        let random = &simulator.random;
        let fault = match self {
            Self::TokenError {
                error,
                error_description,
                status,
            } => return Some(errors::token_error(random, *status, error, error_description)),
            Self::Error {
                status,
                code,
                message,
                ..
            } => {
                let fault = Fault::new(*status, None, message.clone());
                fault.with("category", Value::from(code.as_str()))
            }
            Self::Limit { limit } => {
                let reply = errors::over(match limit {
                    Limit::Daily => Policy::Daily,
                    Limit::Secondly => Policy::Secondly,
                    Limit::Concurrent | Limit::ConcurrentOld | Limit::Http429 => Policy::TenSecondly,
                })
                .reply(random);
                let is_search = *limit == Limit::Secondly;
                return Some(if is_search {
                    reply
                } else {
                    hubspot::limits::with_headers(simulator, reply)
                });
            }
            Self::SessionInvalid {} => {
                let now_ms = simulator.clock.now_ms();
                errors::expired(now_ms, now_ms)
            }
            Self::SessionNotForRest {} => errors::missing_scopes(&["crm.objects.contacts.read".to_owned()]),
            _ => return None,
        };
        Some(fault.reply(random))
    }
}

fn limit_reply(limit: Limit) -> Reply {
    let message = match limit {
        Limit::Daily => return errors::daily_limit(),
        Limit::Concurrent => "ConcurrentPerOrgLongTxn Limit exceeded.",
        Limit::ConcurrentOld => "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        Limit::Http429 | Limit::Secondly => {
            return errors::refuse(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests, slow down.")
                .with("Retry-After", "7".to_owned());
        }
    };
    errors::refuse(403, "REQUEST_LIMIT_EXCEEDED", message)
}
