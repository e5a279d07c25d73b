//! The control plane, `/__control/…`: how a test breaks the simulator and what it can read back.
//!
//! Everything is JSON. `GET /__control` lists the routes. None of them needs a token, none is counted,
//! none is touched by a fault. Whoever reaches the port owns the org: bind it where only tests can.
//!
//! A fault is `{"kind", …, "phase"?, "times"?, "skip"?, "path"?, "method"?, "grant_type"?}`: `path` is a prefix, `phase`
//! is `before` (default: nothing is carried out) or `after` (carried out, then the answer is delayed, replaced or
//! lost). Kinds and their keys are the variants of [`faults::Effect`] in snake case, for example
//! `{"kind":"latency","latency_ms":500,"path":"/services/oauth2/token"}`,
//! `{"kind":"cut","phase":"after","times":1,"grant_type":"refresh_token"}`,
//! `{"kind":"limit","limit":"daily"}`, `{"kind":"status","status":503,"body":"…","content_type":"text/html"}`,
//! `{"kind":"hostile","shape":"gzip_bomb","bytes":1073741824,"path":"/services/data/"}`.
//!
//! | route | what |
//! |---|---|
//! | `GET, POST /__control/settings` | read, or change some keys of, [`settings::Settings`] |
//! | `GET, POST /__control/faults` | list, or add, a [`faults::Fault`]; answers its `id` |
//! | `POST /__control/clear_faults` | removes every fault |
//! | `GET, POST /__control/clock` | `{"offset_ms"}` sets, `{"advance_ms"}` adds |
//! | `GET /__control/counters` | see [`counters`] |
//! | `GET /__control/requests?path=&method=` | recent requests, oldest first; tokens shown as fingerprints |
//! | `POST /__control/session` | `{"username"?,"scope"?}` → `access_token`, `refresh_token`, `instance_url`, ids |
//! | `POST /__control/kill_sessions` | `{"username"?}` ends sessions for good, locators too |
//! | `POST /__control/expire_sessions` | `{"username"?}` lets them time out; refresh tokens live on |
//! | `POST /__control/revoke_grants` | `{"username"?}` revokes refresh tokens and sessions |
//! | `POST /__control/fields` | `{"action","object","field","to"?,"spec"?,"username"?}`; actions: hide, show, rename, add, remove |
//! | `POST /__control/validation_rules` | `{"object","field","equals","message","error_field"?}` or `{"object","clear":true}` |
//! | `POST /__control/duplicate_rules` | `{"object","on","allow_save"?}` |
//! | `POST /__control/assignment_rules` | `{"object","owner_id"}`; a null `owner_id` takes the rule away |
//! | `GET, POST /__control/records/{object}` | raw rows; POST creates one as the admin |
//! | `POST /__control/hubspot/session` | `{"email"?,"scope"?}` → the portal's token answer with `hub_id` and `user` |
//! | `POST /__control/hubspot/{kill_sessions,expire_sessions,revoke_grants}` | `{"email"?}`; those above, without a username, do the same |
//! | `POST /__control/hubspot/properties` | `{"action","object","name"?,"to"?,"spec"?}`; actions: hide, show, rename, add, remove |
//! | `GET, POST /__control/hubspot/records/{object}` | raw records, archived ones too; POST creates one |
//! | `POST /__control/reset` | settings, faults, counters, clock, sessions and locators as at the start; rows stay |

pub(crate) mod clock;
pub(crate) mod counters;
pub(crate) mod faults;
pub(crate) mod hostile;
pub(crate) mod query_log;
pub(crate) mod routes;
pub(crate) mod settings;
