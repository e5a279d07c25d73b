//! Real gateway processes.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Backend, World};

/// 32 bytes, as base64.
pub(crate) const MASTER_KEY: &str = "Y2FuYXJ5LW1hc3Rlci1rZXktb2YtdGhlLWUyZS10ZXM=";
/// Longest wait for a process to be ready: ten times what it takes on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Gateway {
    pub(crate) url: String,
    pub(crate) process: Child,
    pub(crate) log: std::path::PathBuf,
}

impl Gateway {
    pub(crate) async fn start(world: &World, index: usize) -> Self {
        let port = free_port();
        let log = world.directory.path().join(format!("gateway-{index}-{port}.log"));
        let process = command(world, index, port, &log).spawn().expect("a process");
        let mut gateway = Self {
            url: format!("http://127.0.0.1:{port}"),
            process,
            log,
        };
        gateway.wait_ready(world).await;
        gateway
    }

    async fn wait_ready(&mut self, world: &World) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a process") {
                panic!("the gateway ended ({status}): {}", self.log());
            }
            if let Some(reply) = world.client.try_get(&format!("{}/readyz", self.url)).await
                && reply.status == 200
            {
                return;
            }
            assert!(
                begun.elapsed() < START_TIMEOUT,
                "the gateway is not ready: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A gateway's command, complete but not started.
pub(crate) fn command(world: &World, index: usize, port: u16, log: &std::path::Path) -> Command {
    let simulator = world.simulator.base_url();
    let options = simulator::Options::default();
    let data_dir = match world.database.backend {
        Backend::Sqlite => world.directory.path().to_path_buf(),
        Backend::Postgres => world.directory.path().join(format!("node-{index}")),
    };
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswalk"));
    command
        .arg("serve")
        // Of our own environment only what a gateway needs: it refuses CROSSWALK_ variables that it does not know.
        .env_clear()
        .env("CROSSWALK_SERVER_BIND", format!("127.0.0.1:{port}"))
        .env("CROSSWALK_SERVER_DRAIN_ANNOUNCE_MS", "0")
        .env("CROSSWALK_STORE_DATA_DIR", data_dir)
        .env("CROSSWALK_STORE_DATABASE_URL", &world.database.url)
        .env("CROSSWALK_KEYS_OPERATOR_KEY", &world.operator_key)
        .env(
            "CROSSWALK_KEYS_MASTER_KEYS",
            format!("[{{ id = \"test\", key = \"{MASTER_KEY}\" }}]"),
        )
        .env("CROSSWALK_EGRESS_ALLOW", format!("[\"{simulator}\"]"))
        .env(
            "CROSSWALK_CONNECT_RETURN_TO_ALLOWED",
            "[\"http://127.0.0.1:9/back\"]",
        )
        // All there is to say, for the canaries: what is never logged is not logged at any level.
        .env("CROSSWALK_TELEMETRY_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(log);
    for provider in [simulator::PROVIDER, simulator::SECOND_PROVIDER] {
        let prefix = format!("CROSSWALK_PROVIDERS_{}", provider.to_ascii_uppercase());
        command
            .env(format!("{prefix}_CLIENT_ID"), &options.client_id)
            .env(format!("{prefix}_CLIENT_SECRET"), &options.client_secret)
            .env(format!("{prefix}_LOGIN_URLS_PRODUCTION"), &simulator);
        // The first tells each connection its own API host.
        if provider == simulator::SECOND_PROVIDER {
            command.env(format!("{prefix}_API_URL"), &simulator);
        }
    }
    if let Some(redis) = &world.database.redis_url {
        command.env("CROSSWALK_STORE_REDIS_URL", redis);
    }
    if let Some(library) = &world.clock_library {
        world.set_clock(index, "+0");
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", world.clock_file(index))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
    for (name, value) in &world.settings {
        command.env(format!("CROSSWALK_{name}"), value);
    }
    command
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
