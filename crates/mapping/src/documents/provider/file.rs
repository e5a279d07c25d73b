//! `provider.yaml` as written, checked and compiled.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    Api, Auth, Batch, BatchCall, ClientAuthentication, Environment, Flow, LongQuery, Metadata, Page, Probe,
    ProviderDocument, Proxy, Query, QueryLanguage, Records, ServerFlow, TokenExpiry,
};
use crate::documents::source::{DOCUMENT_MAX_BYTES, Source};
use crate::error::DocumentError;
use crate::expression::Expression;
use crate::metadata::FieldKind;

/// The expressions of a provider, compiled.
#[derive(Debug)]
pub(super) struct Expressions {
    pub(super) token_response: Expression,
    pub(super) token_fault: Expression,
    pub(super) audience: Option<Expression>,
    pub(super) session_expired: Option<Expression>,
    pub(super) quota: Option<Expression>,
    pub(super) errors: Expression,
    pub(super) long_body: Option<Expression>,
    pub(super) long_reply: Option<Expression>,
    pub(super) describe: Option<Expression>,
    pub(super) objects: Option<Expression>,
    pub(super) batch_body: Option<Expression>,
    pub(super) batch_reply: Option<Expression>,
    pub(super) request: Option<Expression>,
    /// Of records, by `create`, `update`, `upsert`.
    pub(super) record_bodies: BTreeMap<&'static str, Expression>,
}

/// The patterns of a provider, compiled: linear in time.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) version: Option<Regex>,
    pub(super) id: Option<Regex>,
    pub(super) proxy_paths: Vec<Regex>,
    pub(super) quota_headers: Vec<QuotaHeader>,
}

/// An allowance that a header of every reply tells, read without evaluating an expression.
#[derive(Debug)]
pub(super) struct QuotaHeader {
    pub(super) header: String,
    /// Another header, which holds the limit and nothing else.
    pub(super) limit_header: Option<String>,
    /// Named groups: `limit`, and `used` or `remaining`.
    pub(super) pattern: Regex,
    pub(super) policy: String,
    pub(super) window_s: Option<u64>,
    pub(super) unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaHeaderFile {
    header: String,
    #[serde(default)]
    limit_header: Option<String>,
    pattern: String,
    policy: String,
    #[serde(default)]
    window_s: Option<u64>,
    #[serde(default)]
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    name: String,
    display_name: String,
    docs_url: String,
    #[serde(default)]
    logo_url: Option<String>,
    environments: BTreeMap<String, Environment>,
    auth: AuthFile,
    api: Api,
    #[serde(default)]
    session: Option<SessionFile>,
    #[serde(default)]
    quota: Option<Spanned<String>>,
    #[serde(default)]
    quota_headers: Vec<QuotaHeaderFile>,
    errors: Spanned<String>,
    #[serde(default)]
    probe: Option<Probe>,
    #[serde(default)]
    query: Option<QueryFile>,
    page: Page,
    records: Records,
    #[serde(default)]
    batch: Option<BatchFile>,
    #[serde(default)]
    metadata: Option<MetadataFile>,
    #[serde(default)]
    proxy: Proxy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthFile {
    flows: Vec<Flow>,
    authorize_path: String,
    token_path: String,
    #[serde(default)]
    revoke_path: Option<String>,
    #[serde(default)]
    introspect_path: Option<String>,
    #[serde(default)]
    userinfo_path: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    authorize_parameters: BTreeMap<String, String>,
    client_authentication: ClientAuthentication,
    token_response: Spanned<String>,
    token_expiry: TokenExpiry,
    token_fault: Spanned<String>,
    #[serde(default)]
    authorize_faults: BTreeMap<String, String>,
    #[serde(default)]
    stranded: Option<String>,
    #[serde(default)]
    client_credentials: Option<ClientCredentialsFile>,
    #[serde(default)]
    jwt_bearer: Option<JwtBearerFile>,
    #[serde(default)]
    grant_faults: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientCredentialsFile {
    environments: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtBearerFile {
    #[serde(default)]
    environments: Vec<String>,
    audience: Spanned<String>,
    #[serde(default = "assertion_lifetime_s")]
    lifetime_s: u64,
}

/// Below the least that a provider is known to demand, 180 s.
const fn assertion_lifetime_s() -> u64 {
    120
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionFile {
    expired: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryFile {
    language: QueryLanguage,
    #[serde(default)]
    path: String,
    #[serde(default)]
    request: Option<Spanned<String>>,
    #[serde(default)]
    deleted_path: Option<String>,
    #[serde(default)]
    parameter: Option<String>,
    #[serde(default)]
    search_path: Option<String>,
    #[serde(default)]
    url_max_bytes: Option<usize>,
    #[serde(default)]
    long: Option<LongFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongFile {
    method: String,
    path: String,
    body: Spanned<String>,
    reply: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchFile {
    max_records: usize,
    #[serde(default)]
    create: Option<BatchCall>,
    #[serde(default)]
    update: Option<BatchCall>,
    #[serde(default)]
    upsert: Option<BatchCall>,
    #[serde(default)]
    delete: Option<BatchCall>,
    body: Spanned<String>,
    reply: Spanned<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetadataFile {
    #[serde(default)]
    describe: Option<DescribeFile>,
    #[serde(default)]
    objects: Option<DescribeFile>,
    #[serde(default)]
    kinds: BTreeMap<String, FieldKind>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeFile {
    path: String,
    object: Spanned<String>,
}

impl ProviderDocument {
    /// Reads and compiles a provider's file.
    pub(in crate::documents) fn read(source: Source<'_>) -> Result<Self, DocumentError> {
        let file: ProviderFile = source.read(DOCUMENT_MAX_BYTES)?;
        check(source, &file)?;
        let patterns = patterns(source, &file)?;
        let expressions = expressions(source, &file)?;
        let metadata = file.metadata.unwrap_or_default();
        let query = file.query.map(|query| Query {
            language: query.language,
            path: query.path,
            deleted_path: query.deleted_path,
            parameter: query.parameter,
            search_path: query.search_path,
            url_max_bytes: query.url_max_bytes,
            long: query.long.map(|long| LongQuery {
                method: long.method,
                path: long.path,
            }),
        });
        Ok(Self {
            name: file.name,
            display_name: file.display_name,
            docs_url: file.docs_url,
            logo_url: file.logo_url,
            environments: file.environments,
            auth: auth(file.auth),
            api: file.api,
            probe: file.probe,
            query,
            page: file.page,
            records: file.records,
            batch: file.batch.map(batch),
            metadata: Metadata {
                describe_path: metadata.describe.map(|describe| describe.path),
                objects_path: metadata.objects.map(|objects| objects.path),
                kinds: metadata.kinds,
            },
            proxy: file.proxy,
            expressions,
            patterns,
        })
    }
}

fn batch(file: BatchFile) -> Batch {
    let calls = [
        ("create", file.create),
        ("update", file.update),
        ("upsert", file.upsert),
        ("delete", file.delete),
    ];
    let calls = calls
        .into_iter()
        .filter_map(|(operation, call)| Some((operation.to_owned(), call?)));
    Batch {
        max_records: file.max_records,
        calls: calls.collect(),
    }
}

fn auth(file: AuthFile) -> Auth {
    Auth {
        flows: file.flows,
        authorize_path: file.authorize_path,
        token_path: file.token_path,
        revoke_path: file.revoke_path,
        introspect_path: file.introspect_path,
        userinfo_path: file.userinfo_path,
        scopes: file.scopes,
        authorize_parameters: file.authorize_parameters,
        client_authentication: file.client_authentication,
        token_expiry: file.token_expiry,
        authorize_faults: file.authorize_faults,
        stranded: file.stranded,
        client_credentials: ServerFlow {
            environments: file
                .client_credentials
                .map(|flow| flow.environments)
                .unwrap_or_default(),
            lifetime_s: 0,
        },
        jwt_bearer: file
            .jwt_bearer
            .map_or_else(ServerFlow::default, |flow| ServerFlow {
                environments: flow.environments,
                lifetime_s: flow.lifetime_s,
            }),
        grant_faults: file.grant_faults,
    }
}

fn expressions(source: Source<'_>, file: &ProviderFile) -> Result<Expressions, DocumentError> {
    let optional =
        |key: &str, text: Option<&Spanned<String>>| text.map(|text| source.compile(key, text)).transpose();
    let long = file.query.as_ref().and_then(|query| query.long.as_ref());
    let metadata = file.metadata.as_ref();
    let batch = file.batch.as_ref();
    let query = file.query.as_ref();
    let records = &file.records;
    let routes = [
        ("create", &records.create),
        ("update", &records.update),
        ("upsert", &records.upsert),
    ];
    let mut record_bodies = BTreeMap::new();
    for (name, route) in routes {
        if let Some(text) = route.as_ref().and_then(|route| route.body.as_ref()) {
            let expression = source.compile_text(&format!("records.{name}.body"), text)?;
            record_bodies.insert(name, expression);
        }
    }
    Ok(Expressions {
        request: optional("query.request", query.and_then(|query| query.request.as_ref()))?,
        record_bodies,
        batch_body: optional("batch.body", batch.map(|batch| &batch.body))?,
        batch_reply: optional("batch.reply", batch.map(|batch| &batch.reply))?,
        token_response: source.compile("auth.token_response", &file.auth.token_response)?,
        token_fault: source.compile("auth.token_fault", &file.auth.token_fault)?,
        audience: optional(
            "auth.jwt_bearer.audience",
            file.auth.jwt_bearer.as_ref().map(|flow| &flow.audience),
        )?,
        session_expired: optional(
            "session.expired",
            file.session.as_ref().map(|session| &session.expired),
        )?,
        quota: optional("quota", file.quota.as_ref())?,
        errors: source.compile("errors", &file.errors)?,
        long_body: optional("query.long.body", long.map(|long| &long.body))?,
        long_reply: optional("query.long.reply", long.map(|long| &long.reply))?,
        describe: optional(
            "metadata.describe.object",
            metadata
                .and_then(|metadata| metadata.describe.as_ref())
                .map(|describe| &describe.object),
        )?,
        objects: optional(
            "metadata.objects.object",
            metadata
                .and_then(|metadata| metadata.objects.as_ref())
                .map(|objects| &objects.object),
        )?,
    })
}

fn patterns(source: Source<'_>, file: &ProviderFile) -> Result<Patterns, DocumentError> {
    let compile = |key: &str, text: &str| {
        Regex::new(text).map_err(|error| DocumentError::new(source.name, Some(key), error.to_string()))
    };
    let optional = |key: &str, text: Option<&String>| text.map(|text| compile(key, text)).transpose();
    Ok(Patterns {
        version: optional("api.version_pattern", file.api.version_pattern.as_ref())?,
        id: optional("records.id_pattern", file.records.id_pattern.as_ref())?,
        proxy_paths: file
            .proxy
            .paths
            .iter()
            .map(|path| compile("proxy.paths", path))
            .collect::<Result<_, _>>()?,
        quota_headers: file
            .quota_headers
            .iter()
            .map(|told| quota_header(source, told, compile("quota_headers.pattern", &told.pattern)?))
            .collect::<Result<_, _>>()?,
    })
}

fn quota_header(
    source: Source<'_>,
    told: &QuotaHeaderFile,
    pattern: Regex,
) -> Result<QuotaHeader, DocumentError> {
    let names: Vec<&str> = pattern.capture_names().flatten().collect();
    let is_told = names.contains(&"remaining") || (names.contains(&"limit") && names.contains(&"used"));
    if !is_told {
        return Err(DocumentError::new(
            source.name,
            Some("quota_headers.pattern"),
            "the pattern needs a group named `remaining`, or groups named `limit` and `used`",
        ));
    }
    Ok(QuotaHeader {
        header: told.header.to_ascii_lowercase(),
        limit_header: told.limit_header.as_deref().map(str::to_ascii_lowercase),
        pattern,
        policy: told.policy.clone(),
        window_s: told.window_s,
        unit: told.unit.clone(),
    })
}

/// What the types cannot say: hosts are hosts, paths are paths.
fn check(source: Source<'_>, file: &ProviderFile) -> Result<(), DocumentError> {
    let refuse = |key: &str, message: &str| Err(DocumentError::new(source.name, Some(key), message));
    if file.environments.is_empty() {
        return refuse("environments", "at least one environment is needed");
    }
    for (name, environment) in &file.environments {
        let key = format!("environments.{name}");
        if environment
            .login_url
            .as_deref()
            .is_some_and(|url| !is_origin(url))
        {
            return refuse(&key, "`login_url` is an https origin without a path");
        }
        if environment
            .token_url
            .as_deref()
            .is_some_and(|url| !is_origin(url))
        {
            return refuse(&key, "`token_url` is an https origin without a path");
        }
        if environment.login_url.is_none() && environment.login_host_suffixes.is_empty() {
            return refuse(&key, "either `login_url` or `login_host_suffixes` is needed");
        }
        if !environment
            .login_host_suffixes
            .iter()
            .all(|suffix| is_host_suffix(suffix))
        {
            return refuse(&key, "a host's end begins with a dot: `.my.example.com`");
        }
    }
    if !file.api.host_suffixes.iter().all(|suffix| is_host_suffix(suffix)) {
        // An end without its dot would let `evilexample.com` pass for `example.com`.
        return refuse(
            "api.host_suffixes",
            "a host's end begins with a dot: `.my.example.com`",
        );
    }
    if file.api.base_url.as_deref().is_some_and(|url| !is_origin(url)) {
        return refuse("api.base_url", "must be an https origin without a path");
    }
    if file.api.host_suffixes.is_empty() && file.api.base_url.is_none() {
        return refuse("api", "either `host_suffixes` or `base_url` is needed");
    }
    match &file.query {
        Some(query) if query.language == QueryLanguage::JsonBody && query.request.is_none() => {
            return refuse(
                "query.request",
                "`json_body` needs an expression that makes the request",
            );
        }
        Some(query) if query.language != QueryLanguage::JsonBody && !query.path.starts_with('/') => {
            return refuse("query.path", "a path begins with one `/`");
        }
        _ => {}
    }
    let auth = [
        Some(&file.auth.authorize_path),
        Some(&file.auth.token_path),
        file.auth.revoke_path.as_ref(),
    ];
    if !auth
        .into_iter()
        .flatten()
        .all(|path| path.starts_with('/') && !path.starts_with("//"))
    {
        return refuse("auth", "a path begins with one `/`");
    }
    let probe = file.probe.as_ref().map(|probe| probe.path.as_str());
    if probe.is_some_and(|path| !path.starts_with('/') || path.starts_with("//")) {
        return refuse("probe.path", "a path begins with one `/`");
    }
    check_flows(source, file)
}

/// A flow that is offered says what it needs, for environments that there are.
fn check_flows(source: Source<'_>, file: &ProviderFile) -> Result<(), DocumentError> {
    let refuse = |key: &str, message: String| Err(DocumentError::new(source.name, Some(key), message));
    let auth = &file.auth;
    if auth.flows.contains(&Flow::JwtBearer) != auth.jwt_bearer.is_some() {
        return refuse(
            "auth.jwt_bearer",
            "stands where `auth.flows` names `jwt_bearer`, and nowhere else".to_owned(),
        );
    }
    if auth.client_credentials.is_some() && !auth.flows.contains(&Flow::ClientCredentials) {
        return refuse(
            "auth.client_credentials",
            "`auth.flows` does not name this flow".to_owned(),
        );
    }
    let jwt_bearer = auth.jwt_bearer.as_ref();
    if jwt_bearer.is_some_and(|flow| !(10..=3_600).contains(&flow.lifetime_s)) {
        return refuse(
            "auth.jwt_bearer.lifetime_s",
            "takes 10 to 3600 seconds".to_owned(),
        );
    }
    let client_credentials = auth.client_credentials.as_ref();
    let named = [
        (
            "auth.client_credentials",
            client_credentials.map(|flow| &flow.environments),
        ),
        ("auth.jwt_bearer", jwt_bearer.map(|flow| &flow.environments)),
    ];
    for (key, environments) in named {
        let unknown = environments
            .into_iter()
            .flatten()
            .find(|name| !file.environments.contains_key(*name));
        if let Some(name) = unknown {
            return refuse(key, format!("there is no environment `{name}`"));
        }
    }
    Ok(())
}

fn is_host_suffix(suffix: &str) -> bool {
    suffix.len() > 3
        && suffix.starts_with('.')
        && suffix.matches('.').count() >= 2
        && suffix
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
}

fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.scheme() == "https" && url.origin().ascii_serialization() == text)
}
