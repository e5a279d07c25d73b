//! Wiring: the parts of the house, put together from a configuration.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use gateway::{GatewaySettings, Parts};
use mapping::Catalog;
use metrics_exporter_prometheus::PrometheusHandle;
use model::{OsRandom, SystemClock};
use provider::{App, ProviderSettings, Providers};
use store::{Store, StoreConfig};
use tokio_util::sync::CancellationToken;
use unified::Unified;

use crate::command_line::ServeOptions;
use crate::config::Config;
use crate::mappings;
use crate::telemetry;

/// `crosswalk serve`: until told to stop.
pub(crate) async fn run(options: &ServeOptions) -> anyhow::Result<()> {
    let config = Config::load(options.config.as_deref(), std::env::vars())?;
    telemetry::logs(&config.telemetry)?;
    let metrics = telemetry::metrics()?;
    let keys = config.master_keys()?;
    let gateway = start(&config, keys, metrics).await?;
    tracing::info!(address = %gateway.address, public_url = config.public_url(), "ready");
    stop_signal().await?;
    tracing::info!("stopping: finishing what is in flight");
    gateway.stop().await;
    Ok(())
}

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) address: std::net::SocketAddr,
    running: gateway::Running,
    stopping: CancellationToken,
    store: Store,
}

impl Gateway {
    /// Finishes the requests and refreshes in flight, then closes the store.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        self.running.finished().await;
        self.store.close().await;
    }
}

/// Opens the store, loads the mapping documents, listens.
pub(crate) async fn start(
    config: &Config,
    master_keys: Vec<store::MasterKey>,
    metrics: PrometheusHandle,
) -> anyhow::Result<Gateway> {
    let clock = Arc::new(SystemClock);
    let random = Arc::new(OsRandom);
    let catalog = Arc::new(match &config.server.mappings_dir {
        Some(folder) => mappings::load(folder).context("server.mappings_dir")?,
        None => Catalog::embedded()?,
    });
    for name in config.providers.keys() {
        if catalog.provider(name).is_none() {
            let known: Vec<&str> = catalog.provider_names().collect();
            bail!(
                "[providers.{name}]: no such provider; there are: {}",
                known.join(", ")
            );
        }
    }
    let store = Store::open(
        StoreConfig {
            database_url: config.database_url(),
            redis_url: config.store.redis_url.clone(),
            data_dir: Some(config.store.data_dir.clone()),
            master_keys,
            operator_key: config.keys.operator_key.clone(),
            pool_max: config.store.pool_max,
        },
        clock.clone(),
        random.clone(),
    )
    .await
    .context("the store cannot be opened")?;
    let providers = Providers::new(
        &catalog,
        store.clone(),
        provider_settings(config),
        clock.clone(),
        random.clone(),
    )?;
    providers.keep_fresh();
    let unified = Unified::new(
        catalog.clone(),
        store.clone(),
        providers.clone(),
        config.limits.clone(),
        clock.clone(),
    );
    providers.deliver_webhooks();
    let settings = GatewaySettings {
        bind: config.server.bind,
        metrics_bind: config.server.metrics_bind,
        public_url: config.public_url(),
        rate_limit_headers: config.server.rate_limit_headers.into(),
        limits: config.limits.clone(),
        return_to_allowed: config.connect.return_to_allowed.clone(),
        drain_announce_ms: config.server.drain_announce_ms,
    };
    let render = metrics.clone();
    tokio::spawn(async move {
        // The recorder keeps histograms in buffers until somebody drains them.
        let mut interval = tokio::time::interval(std::time::Duration::from_secs(5));
        loop {
            interval.tick().await;
            metrics.run_upkeep();
        }
    });
    let parts = Parts {
        catalog,
        store: store.clone(),
        providers,
        unified,
        clock,
        random,
        metrics_text: Arc::new(move || render.render()),
    };
    let stopping = CancellationToken::new();
    let running = gateway::serve(settings, parts, stopping.clone().cancelled_owned())
        .await
        .with_context(|| format!("cannot listen on {}", config.server.bind))?;
    Ok(Gateway {
        address: running.address,
        running,
        stopping,
        store,
    })
}

fn provider_settings(config: &Config) -> ProviderSettings {
    let apps: HashMap<String, App> = config
        .providers
        .iter()
        .map(|(name, own)| {
            let app = App {
                client_id: own.client_id.clone(),
                client_secret: own.client_secret.clone(),
                login_urls: own.login_urls.clone(),
                api_url: own.api_url.clone(),
                api_version: own.api_version.clone(),
            };
            (name.clone(), app)
        })
        .collect();
    ProviderSettings {
        public_url: config.public_url(),
        apps,
        egress_allow: config.egress.allow.clone(),
        webhook_allow: config.egress.webhook_allow.clone(),
        limits: config.limits.clone(),
    }
}

/// Waits for ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
