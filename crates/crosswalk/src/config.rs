//! Configuration: a TOML file, then `CROSSWALK_*` variables over it. Every key is known; an unknown one is an error.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use model::{Limits, Secret};
use serde::Deserialize;

use crate::keys;

/// The file that documents every key with its default. `crosswalk config` prints it.
pub(crate) const EXAMPLE: &str = include_str!("../../../crosswalk.example.toml");

const VARIABLE_PREFIX: &str = "CROSSWALK_";
/// Variables of the commands that speak to a gateway: no configuration, though a shell may have both.
const COMMAND_VARIABLES: [&str; 3] = ["CROSSWALK_URL", "CROSSWALK_API_KEY", "CROSSWALK_OPERATOR_KEY"];

/// Everything a gateway is told.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) store: StoreSection,
    pub(crate) keys: Keys,
    pub(crate) connect: Connect,
    pub(crate) egress: Egress,
    pub(crate) telemetry: Telemetry,
    pub(crate) limits: Limits,
    pub(crate) providers: HashMap<String, Provider>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) bind: SocketAddr,
    pub(crate) metrics_bind: Option<SocketAddr>,
    pub(crate) public_url: Option<String>,
    pub(crate) rate_limit_headers: RateLimitHeaders,
    pub(crate) drain_announce_ms: u64,
    pub(crate) mappings_dir: Option<PathBuf>,
}

/// The families of rate-limit headers on answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RateLimitHeaders {
    Both,
    Legacy,
    Ietf,
    Off,
}

impl From<RateLimitHeaders> for provider::Dialect {
    fn from(headers: RateLimitHeaders) -> Self {
        match headers {
            RateLimitHeaders::Both => Self::Both,
            RateLimitHeaders::Legacy => Self::Legacy,
            RateLimitHeaders::Ietf => Self::Ietf,
            RateLimitHeaders::Off => Self::Off,
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_bind: None,
            public_url: None,
            rate_limit_headers: RateLimitHeaders::Both,
            drain_announce_ms: 5_000,
            mappings_dir: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreSection {
    pub(crate) database_url: Option<Secret>,
    pub(crate) redis_url: Option<Secret>,
    pub(crate) data_dir: PathBuf,
    pub(crate) pool_max: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            database_url: None,
            redis_url: None,
            data_dir: PathBuf::from("crosswalk-data"),
            pool_max: 10,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "each is the name of a configuration key"
)]
pub(crate) struct Keys {
    pub(crate) operator_key: Option<Secret>,
    pub(crate) master_keys: Vec<MasterKey>,
    pub(crate) master_key_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MasterKey {
    pub(crate) id: String,
    pub(crate) key: Secret,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Connect {
    pub(crate) return_to_allowed: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    pub(crate) allow: Vec<String>,
    pub(crate) webhook_allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Json,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Json,
    Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Provider {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) login_urls: HashMap<String, String>,
    pub(crate) api_url: Option<String>,
    pub(crate) api_version: Option<String>,
}

impl Config {
    /// Reads the file, if one is named, and lays `variables` over it.
    pub(crate) fn load(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let mut table = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                text.parse::<toml::Table>()
                    .with_context(|| format!("{} is not valid TOML", path.display()))?
            }
            None => toml::Table::new(),
        };
        for (name, value) in variables {
            if COMMAND_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            if let Some(key) = name.strip_prefix(VARIABLE_PREFIX) {
                let path = key_path(&key.to_ascii_lowercase()).with_context(|| {
                    format!("{name} names no configuration key; `crosswalk config` lists them all")
                })?;
                insert(&mut table, &path, value_of(&path, &value));
            }
        }
        let named = file.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
        let config: Self = table
            .try_into()
            .with_context(|| format!("configuration from {named}"))?;
        config.limits.check().map_err(anyhow::Error::msg)?;
        Ok(config)
    }

    /// The URL that browsers and providers reach this gateway by.
    pub(crate) fn public_url(&self) -> String {
        let own = || format!("http://{}", self.server.bind);
        self.server
            .public_url
            .clone()
            .unwrap_or_else(own)
            .trim_end_matches('/')
            .to_owned()
    }

    /// Master keys from the configuration and from the key file.
    pub(crate) fn master_keys(&self) -> anyhow::Result<Vec<store::MasterKey>> {
        let mut keys: Vec<store::MasterKey> = self
            .keys
            .master_keys
            .iter()
            .map(|entry| store::MasterKey {
                id: entry.id.clone(),
                key: entry.key.clone(),
            })
            .collect();
        if let Some(path) = &self.keys.master_key_file {
            keys.extend(keys::read_file(path)?);
        }
        if keys.is_empty() {
            bail!(
                "no master key: set keys.master_key_file or [[keys.master_keys]]; \
                 `crosswalk generate-key` makes one. Tokens are never kept in plain text."
            );
        }
        Ok(keys)
    }

    /// The database, SQLite in the data directory unless another is named.
    pub(crate) fn database_url(&self) -> Secret {
        let own = || {
            Secret::new(format!(
                "sqlite://{}",
                self.store.data_dir.join("crosswalk.db").display()
            ))
        };
        self.store.database_url.clone().unwrap_or_else(own)
    }
}

/// Sections with the keys that a variable may set. A test holds that `crosswalk.example.toml` names each.
const SECTIONS: [(&str, &[&str]); 7] = [
    (
        "server",
        &[
            "bind",
            "metrics_bind",
            "public_url",
            "rate_limit_headers",
            "drain_announce_ms",
            "mappings_dir",
        ],
    ),
    ("store", &["database_url", "redis_url", "data_dir", "pool_max"]),
    ("keys", &["operator_key", "master_keys", "master_key_file"]),
    ("connect", &["return_to_allowed"]),
    ("egress", &["allow", "webhook_allow"]),
    ("telemetry", &["log", "log_format"]),
    ("limits", &[]),
];
const PROVIDER_KEYS: [&str; 5] = [
    "client_id",
    "client_secret",
    "login_urls",
    "api_url",
    "api_version",
];

/// `store_database_url` → `[store, database_url]`; `providers_acme_client_id` → `[providers, acme, client_id]`;
/// `providers_acme_login_urls_sandbox` → `[providers, acme, login_urls, sandbox]`.
fn key_path(key: &str) -> Option<Vec<String>> {
    if let Some(rest) = key.strip_prefix("providers_") {
        if let Some((name, environment)) = rest.split_once("_login_urls_") {
            return Some(path(&["providers", name, "login_urls", environment]));
        }
        let (name, own) = PROVIDER_KEYS
            .iter()
            .find_map(|own| rest.strip_suffix(own)?.strip_suffix('_').map(|name| (name, *own)))?;
        return Some(path(&["providers", name, own]));
    }
    let (section, keys) = SECTIONS.iter().find(|(section, _)| {
        key.strip_prefix(section)
            .is_some_and(|rest| rest.starts_with('_'))
    })?;
    let rest = key.get(section.len() + 1..)?;
    let is_known = if *section == "limits" {
        limit_names().iter().any(|name| name == rest)
    } else {
        keys.contains(&rest)
    };
    is_known.then(|| path(&[section, rest]))
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn limit_names() -> Vec<String> {
    toml::Table::try_from(Limits::default())
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

/// Numbers, booleans, lists and tables are written as in TOML; anything else is a text.
fn value_of(path: &[String], text: &str) -> toml::Value {
    // A secret that happens to look like a number is still a text.
    let is_text = path
        .iter()
        .any(|part| part.ends_with("_key") || part.starts_with("client_") || part.ends_with("_url"));
    let parsed = || {
        format!("value = {text}")
            .parse::<toml::Table>()
            .ok()?
            .remove("value")
    };
    if is_text { None } else { parsed() }.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn insert(table: &mut toml::Table, path: &[String], value: toml::Value) {
    match path {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
