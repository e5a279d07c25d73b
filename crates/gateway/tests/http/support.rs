//! A running gateway over a fresh SQLite store, two tenants, and a client that sends exactly the bytes it is given.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use gateway::{GatewaySettings, Parts, Running, serve};
use mapping::Catalog;
use model::{Limits, OsRandom, Secret, SystemClock};
use provider::{App, Dialect, ProviderSettings, Providers};
use serde_json::Value;
use store::{Caller, Connection, MasterKey, NewApiKey, NewCredentials, Store, StoreConfig, Tenant, Tokens};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use unified::Unified;

/// The operator's key.
pub(crate) const OPERATOR_KEY: &str = "operator-key-of-the-tests-0123456789";
/// Where browsers are told that the gateway is.
pub(crate) const PUBLIC_URL: &str = "https://gateway.example";

/// Where webhooks may go without TLS; nobody listens.
pub(crate) const WEBHOOK_ORIGIN: &str = "http://127.0.0.1:9";

/// A gateway and what the tests know about it.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) provider: String,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) first: Party,
    pub(crate) second: Party,
    pub(crate) running: Option<Running>,
    pub(crate) shutdown: Option<oneshot::Sender<()>>,
    _folder: TempDir,
}

/// A tenant with a key and a connection.
pub(crate) struct Party {
    pub(crate) tenant: Tenant,
    pub(crate) key: String,
    pub(crate) connection: Connection,
}

/// How a world differs from the usual one.
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) drain_announce_ms: u64,
    /// Where logins and data calls go; nobody listens at the default.
    pub(crate) login_url: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            drain_announce_ms: 0,
            login_url: "http://127.0.0.1:9".to_owned(),
        }
    }
}

impl World {
    pub(crate) async fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let random = Arc::new(OsRandom);
        let path = folder.path().join("crosswalk.db");
        let config = StoreConfig {
            database_url: Secret::new(format!("sqlite://{}", path.display())),
            redis_url: None,
            data_dir: Some(folder.path().to_owned()),
            master_keys: vec![MasterKey {
                id: "k1".to_owned(),
                key: Secret::new("42".repeat(32)),
            }],
            operator_key: Some(Secret::new(OPERATOR_KEY)),
            pool_max: 4,
        };
        let store = Store::open(config, clock.clone(), random.clone()).await.unwrap();
        let catalog = Arc::new(Catalog::embedded().unwrap());
        // No provider is named here: whichever is asked with query texts must do.
        let asked_by_text = |name: &&str| {
            let query = catalog.provider(name).unwrap().query.as_ref();
            query.is_some_and(|query| query.language == mapping::QueryLanguage::Soql)
        };
        let provider = catalog.provider_names().find(asked_by_text).unwrap().to_owned();
        let environment = catalog
            .provider(&provider)
            .unwrap()
            .environments
            .keys()
            .next()
            .unwrap()
            .clone();
        let login_urls = catalog
            .provider(&provider)
            .unwrap()
            .environments
            .keys()
            .map(|name| (name.clone(), options.login_url.clone()))
            .collect();
        let app = App {
            client_id: "client".to_owned(),
            client_secret: None,
            login_urls,
            api_url: None,
            api_version: None,
        };
        let settings = ProviderSettings {
            public_url: PUBLIC_URL.to_owned(),
            apps: HashMap::from([(provider.clone(), app)]),
            egress_allow: vec![options.login_url.clone()],
            webhook_allow: vec![WEBHOOK_ORIGIN.to_owned()],
            limits: options.limits.clone(),
        };
        let providers =
            Providers::new(&catalog, store.clone(), settings, clock.clone(), random.clone()).unwrap();
        let unified = Unified::new(
            Arc::clone(&catalog),
            store.clone(),
            providers.clone(),
            options.limits.clone(),
            clock.clone(),
        );
        let first = party(&store, "First & Co", &provider, &environment, &options.login_url).await;
        let second = party(&store, "Second", &provider, &environment, &options.login_url).await;
        let settings = GatewaySettings {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            metrics_bind: None,
            public_url: PUBLIC_URL.to_owned(),
            rate_limit_headers: Dialect::Both,
            limits: options.limits,
            return_to_allowed: Vec::new(),
            drain_announce_ms: options.drain_announce_ms,
        };
        let parts = Parts {
            catalog: Arc::clone(&catalog),
            store: store.clone(),
            providers,
            unified,
            clock,
            random,
            metrics_text: Arc::new(|| "# metrics\n".to_owned()),
        };
        let (shutdown, stopped) = oneshot::channel::<()>();
        let running = serve(settings, parts, async {
            let _ = stopped.await;
        })
        .await
        .unwrap();
        Self {
            address: running.address,
            provider,
            catalog,
            first,
            second,
            running: Some(running),
            shutdown: Some(shutdown),
            _folder: folder,
        }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        call(self.address, method, path, headers, body).await
    }

    /// A call with a tenant's key, and a JSON body when there is one.
    pub(crate) async fn as_party(
        &self,
        party: &Party,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Reply {
        let authorization = format!("Bearer {}", party.key);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        self.call(method, path, &headers, body).await
    }
}

async fn party(store: &Store, name: &str, provider: &str, environment: &str, login_url: &str) -> Party {
    let Caller::Operator(operator) = store.authenticate(OPERATOR_KEY).await.unwrap() else {
        panic!("the operator key makes an operator");
    };
    let record = store.create_tenant(&operator, name).await.unwrap();
    let new = NewApiKey {
        name: "test".to_owned(),
        test: true,
        scopes: Vec::new(),
        expires_at_ms: None,
    };
    let (_, key) = store.create_api_key(&operator, &record.id, new).await.unwrap();
    let Caller::Tenant(caller) = store.authenticate(key.expose()).await.unwrap() else {
        panic!("a tenant's key makes a tenant");
    };
    let new = NewCredentials {
        connection_id: None,
        provider: provider.to_owned(),
        environment: environment.to_owned(),
        login_url: login_url.to_owned(),
        external_id: Some(format!("customer of {name}")),
        instance_url: Some(login_url.to_owned()),
        account_id: Some("account".to_owned()),
        user_id: Some("user".to_owned()),
        scopes: vec!["api".to_owned()],
        tokens: Tokens {
            access_token: Secret::new("canary-access"),
            refresh_token: Some(Secret::new("canary-refresh")),
        },
        access_expires_at_ms: None,
    };
    let connection = store.save_new_credentials(&caller.tenant, new).await.unwrap();
    Party {
        tenant: caller.tenant,
        key: key.expose().to_owned(),
        connection,
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} is no JSON: {}", self.status, self.text()))
    }

    /// The error body without what differs from request to request.
    pub(crate) fn problem(&self) -> Value {
        let mut document = self.json();
        let fields = document.as_object_mut().unwrap();
        assert!(fields.remove("request_id").is_some() && fields.remove("instance").is_some());
        document
    }
}

pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Reply {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if let Some(body) = body {
        write!(head, "content-length: {}\r\n", body.len()).unwrap();
    }
    let text = format!("{head}\r\n{}", body.unwrap_or_default());
    let raw = exchange(address, text.as_bytes()).await;
    parse(&raw).unwrap_or_else(|| {
        panic!(
            "{method} {path}: no answer in {:?}",
            String::from_utf8_lossy(&raw)
        )
    })
}

/// Sends bytes and answers all that comes until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(&mut stream).await
}

/// Everything until the other side closes, or resets.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    while let Ok(read) = stream.read(&mut piece).await {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    answer
}

/// The first answer among the bytes.
pub(crate) fn parse(raw: &[u8]) -> Option<Reply> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let is_chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &raw[end + 4..];
    let body = if is_chunked { unchunk(body) } else { body.to_vec() };
    Some(Reply {
        status,
        headers,
        body,
    })
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}
