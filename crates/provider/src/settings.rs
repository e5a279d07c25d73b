//! What the operator configures, checked once at start.

use std::collections::HashMap;
use std::sync::Arc;

use mapping::{Catalog, ProviderDocument};
use metrics::Histogram;
use model::{Limits, Secret};
use moka::sync::Cache;
use tokio::time::Instant;

use crate::hosts::{HostError, HostRules, Origin};

/// Origins of APIs remembered for each provider.
const API_ORIGINS_MAX: u64 = 10_000;

/// What the operator configures.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Where browsers reach this gateway: `https://crosswalk.example.com`. Redirect URIs are made from it and from
    /// nothing else.
    pub public_url: String,
    /// The operator's application at each provider, by the provider's name.
    pub apps: HashMap<String, App>,
    /// Further origins that may be called, exempt from the rules about https and public addresses.
    pub egress_allow: Vec<String>,
    /// The same for the targets of webhooks, which tenants name.
    pub webhook_allow: Vec<String>,
    /// Limits.
    pub limits: Limits,
}

/// An application registered with a provider.
#[derive(Debug, Clone)]
pub struct App {
    /// Its public id.
    pub client_id: String,
    /// Its secret; none for a public client.
    pub client_secret: Option<Secret>,
    /// Login origins that take the place of the document's, by environment.
    pub login_urls: HashMap<String, String>,
    /// The origin of data calls that takes the place of the document's `api.base_url`, where that names one.
    pub api_url: Option<String>,
    /// The API version of connections that pin none; the document's default when none.
    pub api_version: Option<String>,
}

/// A setting that cannot be used. The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingsError {
    /// The configuration key.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl SettingsError {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

/// Why a login origin is not good for an environment. The caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No such provider, or no application configured for it.
    #[error("provider `{provider}` is not configured; configured: {known}")]
    Provider {
        /// The name given.
        provider: String,
        /// The names there are.
        known: String,
    },
    /// No such environment.
    #[error("provider `{provider}` has no environment `{environment}`; it has: {known}")]
    Environment {
        /// The provider.
        provider: String,
        /// The name given.
        environment: String,
        /// The names there are.
        known: String,
    },
    /// The environment has a fixed login host.
    #[error("environment `{environment}` has a fixed login host: leave `login_host` out")]
    HostGiven {
        /// The environment.
        environment: String,
    },
    /// The environment needs a login host.
    #[error("environment `{environment}` needs `login_host`, a host ending in {suffixes}")]
    HostMissing {
        /// The environment.
        environment: String,
        /// The ends allowed.
        suffixes: String,
    },
    /// The login host is not one of the provider's.
    #[error("`login_host` is not allowed: {reason}")]
    Host {
        /// Which rule.
        reason: HostError,
    },
}

/// A place where customers log in, as a person chooses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginChoice {
    /// The environment's name.
    pub environment: String,
    /// What people see.
    pub label: String,
    /// The origin to log in at; none where the person names the host.
    pub login_url: Option<Origin>,
    /// Ends that a host named by the person must have.
    pub host_suffixes: Vec<String>,
}

/// One provider with what the operator configured for it.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) document: Arc<ProviderDocument>,
    pub(crate) app: App,
    pub(crate) api_hosts: HostRules,
    /// Texts that `api_hosts` has let pass. The rules stay as they are while the process runs, and reading an origin
    /// strictly costs more than a call's other checks together.
    api_origins: Cache<String, Origin>,
    /// How long calls took.
    pub(crate) durations: Durations,
    /// The origin of data calls where the token response names none.
    base_url: Option<Origin>,
    logins: HashMap<String, Login>,
}

/// `crosswalk_upstream_request_duration_seconds` of one provider, by outcome; made once, since each call writes to it.
pub(crate) struct Durations {
    ok: Histogram,
    client_error: Histogram,
    server_error: Histogram,
}

impl Durations {
    fn new(provider: &str) -> Self {
        let of = |outcome: &'static str| {
            metrics::histogram!(
                "crosswalk_upstream_request_duration_seconds",
                "provider" => provider.to_owned(),
                "outcome" => outcome,
            )
        };
        Self {
            ok: of("ok"),
            client_error: of("client_error"),
            server_error: of("server_error"),
        }
    }

    pub(crate) fn record(&self, status: u16, sent_at: Instant) {
        let histogram = match status {
            ..400 => &self.ok,
            400..500 => &self.client_error,
            _ => &self.server_error,
        };
        histogram.record(sent_at.elapsed().as_secs_f64());
    }
}

impl std::fmt::Debug for Durations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Durations").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Login {
    fixed: Option<Origin>,
    /// Where tokens are issued, when not at the login.
    token: Option<Origin>,
    rules: HostRules,
    suffixes: String,
}

impl Configured {
    /// An API's origin, checked.
    pub(crate) fn api_origin(&self, text: &str) -> Result<Origin, HostError> {
        if let Some(origin) = self.api_origins.get(text) {
            return Ok(origin);
        }
        let origin = self.api_hosts.check(text)?;
        self.api_origins.insert(text.to_owned(), origin.clone());
        Ok(origin)
    }

    /// The login origin of an environment. `login_host` is a host or an origin, for environments that need one.
    pub(crate) fn login_origin(
        &self,
        environment: &str,
        login_host: Option<&str>,
    ) -> Result<Origin, LoginError> {
        let login = self.login(environment)?;
        let environment = environment.to_owned();
        match (&login.fixed, login_host) {
            (Some(fixed), None) => Ok(fixed.clone()),
            (Some(_), Some(_)) => Err(LoginError::HostGiven { environment }),
            (None, None) => Err(LoginError::HostMissing {
                environment,
                suffixes: login.suffixes.clone(),
            }),
            (None, Some(host)) => {
                let origin = if host.contains("://") {
                    login.rules.check(host)
                } else {
                    login.rules.check(&format!("https://{host}"))
                };
                origin.map_err(|reason| LoginError::Host { reason })
            }
        }
    }

    /// The environments to choose from: those with a fixed login first, then by name.
    pub(crate) fn login_choices(&self) -> Vec<LoginChoice> {
        let mut choices: Vec<LoginChoice> = self
            .document
            .environments
            .iter()
            .filter_map(|(name, environment)| {
                Some(LoginChoice {
                    environment: name.clone(),
                    label: environment.label.clone(),
                    login_url: self.logins.get(name)?.fixed.clone(),
                    host_suffixes: environment.login_host_suffixes.clone(),
                })
            })
            .collect();
        choices.sort_by_key(|choice| choice.login_url.is_none());
        choices
    }

    /// Checks a stored login origin again: documents and settings may have changed since.
    pub(crate) fn check_login(&self, environment: &str, login_url: &str) -> Result<Origin, LoginError> {
        let login = self.login(environment)?;
        login
            .rules
            .check(login_url)
            .map_err(|reason| LoginError::Host { reason })
    }

    /// The origin that issues and revokes tokens for a login.
    pub(crate) fn token_origin(&self, environment: &str, login: &Origin) -> Origin {
        let own = self.logins.get(environment).and_then(|login| login.token.clone());
        own.unwrap_or_else(|| login.clone())
    }

    /// The origin of data calls where the token response names none.
    pub(crate) const fn base_url(&self) -> Option<&Origin> {
        self.base_url.as_ref()
    }

    fn login(&self, environment: &str) -> Result<&Login, LoginError> {
        self.logins
            .get(environment)
            .ok_or_else(|| LoginError::Environment {
                provider: self.document.name.clone(),
                environment: environment.to_owned(),
                known: sorted(self.logins.keys()),
            })
    }

    /// The version of the API that a connection uses.
    pub(crate) fn api_version<'a>(&'a self, pinned: Option<&'a str>) -> Option<&'a str> {
        pinned
            .filter(|version| self.document.accepts_version(version))
            .or(self.app.api_version.as_deref())
            .or(self.document.api.default_version.as_deref())
    }
}

/// All settings, read.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) public_url: String,
    pub(crate) providers: HashMap<String, Configured>,
    pub(crate) allow: Vec<Origin>,
    pub(crate) webhook_allow: Vec<Origin>,
    pub(crate) limits: Limits,
}

impl Checked {
    pub(crate) fn new(catalog: &Catalog, settings: ProviderSettings) -> Result<Self, SettingsError> {
        settings
            .limits
            .check()
            .map_err(|message| SettingsError::new("limits", message))?;
        let allow = origins("egress_allow", &settings.egress_allow)?;
        let webhook_allow = origins("webhook_allow", &settings.webhook_allow)?;
        let public_url = public_url(&settings.public_url)?;
        let mut providers = HashMap::new();
        for (name, app) in settings.apps {
            let key = format!("apps.{name}");
            let document = catalog.provider(&name).ok_or_else(|| {
                let known: Vec<&str> = catalog.provider_names().collect();
                SettingsError::new(&key, format!("no such provider; known: {}", known.join(", ")))
            })?;
            providers.insert(name, configure(&key, document, app, &allow)?);
        }
        Ok(Self {
            public_url,
            providers,
            allow,
            webhook_allow,
            limits: settings.limits,
        })
    }

    pub(crate) fn provider(&self, name: &str) -> Result<&Configured, LoginError> {
        self.providers.get(name).ok_or_else(|| LoginError::Provider {
            provider: name.to_owned(),
            known: sorted(self.providers.keys()),
        })
    }
}

fn origins(key: &str, texts: &[String]) -> Result<Vec<Origin>, SettingsError> {
    let read = |text: &String| {
        Origin::parse(text).map_err(|error| SettingsError::new(key, format!("`{text}`: {error}")))
    };
    texts.iter().map(read).collect()
}

/// The public URL without a slash at the end. A path before ours is allowed; anything after is not.
fn public_url(text: &str) -> Result<String, SettingsError> {
    let wrong = |message: &str| SettingsError::new("public_url", message);
    let url =
        url::Url::parse(text).map_err(|_| wrong("must be a URL, as `https://crosswalk.example.com`"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(wrong("must begin with https:// (http:// only for development)"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(wrong("must hold neither a user nor a query nor a fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn configure(
    key: &str,
    document: &Arc<ProviderDocument>,
    app: App,
    allow: &[Origin],
) -> Result<Configured, SettingsError> {
    if app.client_id.is_empty() {
        return Err(SettingsError::new(
            format!("{key}.client_id"),
            "must not be empty",
        ));
    }
    if let Some(version) = &app.api_version
        && !document.accepts_version(version)
    {
        return Err(SettingsError::new(
            format!("{key}.api_version"),
            format!("`{version}` is not a version of this provider"),
        ));
    }
    if let Some(unknown) = app
        .login_urls
        .keys()
        .find(|environment| !document.environments.contains_key(*environment))
    {
        return Err(SettingsError::new(
            format!("{key}.login_urls.{unknown}"),
            format!(
                "no such environment; known: {}",
                sorted(document.environments.keys())
            ),
        ));
    }
    let origin = |key: String, text: &str| {
        Origin::parse(text).map_err(|error| SettingsError::new(key, format!("`{text}`: {error}")))
    };
    let mut logins = HashMap::new();
    for (name, environment) in &document.environments {
        let fixed = match (app.login_urls.get(name), &environment.login_url) {
            (Some(text), _) => Some(origin(format!("{key}.login_urls.{name}"), text)?),
            (None, Some(text)) => Some(origin(
                format!("provider.yaml: environments.{name}.login_url"),
                text,
            )?),
            (None, None) => None,
        };
        // An operator's login origin plays the whole authorization server.
        let token = match (app.login_urls.get(name), &environment.token_url) {
            (None, Some(text)) => Some(origin(
                format!("provider.yaml: environments.{name}.token_url"),
                text,
            )?),
            _ => None,
        };
        let exact: Vec<Origin> = allow.iter().chain(&fixed).cloned().collect();
        let rules = HostRules::new(&environment.login_host_suffixes, &exact)
            .map_err(|message| SettingsError::new(format!("provider.yaml: environments.{name}"), message))?;
        logins.insert(
            name.clone(),
            Login {
                fixed,
                token,
                rules,
                suffixes: environment.login_host_suffixes.join(", "),
            },
        );
    }
    let fixed = match (&document.api.base_url, &app.api_url) {
        (None, Some(_)) => {
            return Err(SettingsError::new(
                format!("{key}.api_url"),
                "this provider tells each connection's API host itself: leave it out",
            ));
        }
        (Some(_), Some(text)) => Some(origin(format!("{key}.api_url"), text)?),
        (Some(text), None) => Some(origin("provider.yaml: api.base_url".to_owned(), text)?),
        (None, None) => None,
    };
    let exact: Vec<Origin> = allow.iter().chain(&fixed).cloned().collect();
    let api_hosts = HostRules::new(&document.api.host_suffixes, &exact)
        .map_err(|message| SettingsError::new("provider.yaml: api.host_suffixes", message))?;
    Ok(Configured {
        document: Arc::clone(document),
        app,
        api_hosts,
        api_origins: Cache::new(API_ORIGINS_MAX),
        durations: Durations::new(&document.name),
        base_url: fixed,
        logins,
    })
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests;
