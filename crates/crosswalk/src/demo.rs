//! `crosswalk demo`: the main job on one machine, with nothing faked on our side.
//!
//! The same server as `serve`, on SQLite in a data directory, beside a simulated org. The demo connects the org as a
//! customer would: an operator makes a tenant and a key, the tenant a connect link, and a browser walks through it.

mod browser;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::{OsRandom, Secret};
use serde_json::{Value, json};

use crate::client::Gateway;
use crate::command_line::DemoOptions;
use crate::config::{Config, LogFormat, Provider, Telemetry};
use crate::{keys, print, serve, telemetry};

/// Name of the demo's own connection in the tenant's system.
const EXTERNAL_ID: &str = "acme";

/// What a caller needs to use the demo.
struct Introduction {
    gateway: String,
    simulator: String,
    operator_key: String,
    api_key: String,
    connection_id: String,
    data_dir: PathBuf,
}

pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<()> {
    telemetry::logs(&Telemetry {
        log: "warn".to_owned(),
        log_format: LogFormat::Text,
    })?;
    let metrics = telemetry::metrics()?;
    // Without a directory of the caller's, one that goes when the demo ends.
    let (data_dir, _temporary) = if let Some(directory) = options.data_dir {
        (directory, None)
    } else {
        let temporary = tempfile::Builder::new().prefix("crosswalk-demo-").tempdir()?;
        (temporary.path().to_path_buf(), Some(temporary))
    };
    std::fs::create_dir_all(&data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;

    let simulator = simulator::start(simulator::Options {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, options.simulator_port)),
        query_log: options.query_log,
        ..simulator::Options::default()
    })
    .await
    .with_context(|| {
        format!(
            "the simulated org cannot listen on port {}",
            options.simulator_port
        )
    })?;

    let operator_key = keys::kept(&data_dir.join("operator.key"), &OsRandom)?;
    let mut config = config(&data_dir, options.port, &simulator.base_url(), &operator_key)?;
    config.egress.webhook_allow = options.webhook_allow;
    let master_key = keys::kept(&data_dir.join("master.key"), &OsRandom)?;
    let master_keys = vec![store::MasterKey {
        id: "demo".to_owned(),
        key: Secret::new(master_key),
    }];
    let gateway = serve::start(&config, master_keys, metrics).await?;

    let introduction = connect(&config.public_url(), simulator.base_url(), operator_key, data_dir).await?;
    if options.json {
        print(&format!("{}\n", introduction.json()))?;
    } else {
        print(&introduction.text())?;
    }
    serve::stop_signal().await?;
    gateway.stop().await;
    simulator.stop().await;
    Ok(())
}

fn config(data_dir: &Path, port: u16, simulator: &str, operator_key: &str) -> anyhow::Result<Config> {
    let mut config = Config::default();
    config.server.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port(port)?));
    config.server.drain_announce_ms = 0;
    config.store.data_dir = data_dir.to_path_buf();
    config.keys.operator_key = Some(Secret::new(operator_key));
    config.egress.allow = vec![simulator.to_owned()];
    let own = simulator::Options::default();
    let provider = Provider {
        client_id: own.client_id,
        client_secret: Some(Secret::new(own.client_secret)),
        login_urls: [("production".to_owned(), simulator.to_owned())].into(),
        api_url: None,
        api_version: None,
    };
    config.providers.insert(simulator::PROVIDER.to_owned(), provider);
    Ok(config)
}

/// The port itself, or a free one for 0. The public URL, part of every redirect URI, must be known before listening.
fn free_port(port: u16) -> anyhow::Result<u16> {
    if port != 0 {
        return Ok(port);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Makes a tenant, a key and a connection, each through the API.
async fn connect(
    gateway: &str,
    simulator: String,
    operator_key: String,
    data_dir: PathBuf,
) -> anyhow::Result<Introduction> {
    let operator = Gateway::at(gateway, Some(&operator_key), "operator.key")?;
    let tenant = operator
        .post(&["admin", "tenants"], &json!({ "name": "Demo" }))
        .await?;
    let key = json!({ "tenant_id": tenant["id"], "name": "demo" });
    let key = operator.post(&["admin", "keys"], &key).await?;
    let api_key = key["key"].as_str().context("a key in the answer")?.to_owned();
    let tenant = Gateway::at(gateway, Some(&api_key), "the answer")?;
    let session =
        json!({ "provider": simulator::PROVIDER, "environment": "production", "external_id": EXTERNAL_ID });
    let session = tenant.post(&["connect", "sessions"], &session).await?;
    let link = session["url"].as_str().context("a url in the answer")?;
    browser::connect(link).await.context("the connect flow")?;
    let connections = tenant.get(&["connections"], &[]).await?;
    let connection_id = connections["result"][0]["id"]
        .as_str()
        .context("a connection after the flow")?
        .to_owned();
    Ok(Introduction {
        gateway: gateway.to_owned(),
        simulator,
        operator_key,
        api_key,
        connection_id,
        data_dir,
    })
}

impl Introduction {
    fn json(&self) -> Value {
        json!({
            "gateway": self.gateway,
            "api_key": self.api_key,
            "operator_key": self.operator_key,
            "connection_id": self.connection_id,
            "simulator": self.simulator,
            "data_dir": self.data_dir,
        })
    }

    fn text(&self) -> String {
        let Self {
            gateway,
            simulator,
            operator_key,
            api_key,
            connection_id,
            data_dir,
        } = self;
        let data_dir = data_dir.display();
        let headers = format!("-H 'Authorization: Bearer {api_key}' -H 'X-Connection-Id: {connection_id}'");
        format!(
            "\
Crosswalk is ready at {gateway}; its API is described at {gateway}/docs
A simulated org is at {simulator}; a tenant connected it through the real OAuth flow.

  tenant key    {api_key}
  operator key  {operator_key}
  connection    {connection_id}
  data          {data_dir}

Try:

curl -s '{gateway}/unified/crm/contacts?limit=2' {headers}

curl -sg '{gateway}/unified/crm/contacts?custom_fields[LTV_Score__c][gte]=50&sort=-updated_at&limit=2&dry_run=true' {headers}

curl -s '{gateway}/unified/crm/contacts' {headers} -H 'Content-Type: application/json' -d '{{\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\"email_addresses\":[{{\"email\":\"ada@example.com\"}}]}}'

curl -s '{gateway}/unified/crm/contacts?search_term=Lovelace' {headers}

curl -si '{gateway}/proxy/limits' {headers}

Ctrl-C ends it.
"
        )
    }
}
