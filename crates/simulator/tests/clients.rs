//! Third-party clients, unchanged, against the simulator: `clients/run`.
//!
//! Needs node, npm and python3, and the package registries the first time. Without the programs the test says so on
//! standard error and passes; with them a failed installation is a failure.

use std::path::Path;
use std::process::{Command, Stdio};

use simulator::{Options, OrgOptions};

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn jsforce_simple_salesforce_and_the_hubspot_client_work_unchanged() {
    let missing: Vec<&str> = ["bash", "node", "npm", "python3"]
        .into_iter()
        .filter(|program| !is_there(program))
        .collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: third-party clients need {}", missing.join(", "));
        return;
    }
    let running = simulator::start(Options {
        org: OrgOptions {
            accounts: 150,
            contacts: 60,
            leads: 20,
            opportunities: 20,
            cases: 10,
            tasks: 10,
            events: 10,
            ..OrgOptions::default()
        },
        ..Options::default()
    })
    .await
    .unwrap();
    let options = Options::default();
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = std::env::var_os("CROSSWALK_CACHE").unwrap_or_else(|| home.join("../../.cache").into());
    let mut command = Command::new(home.join("clients/run"));
    command
        .args([running.base_url(), options.client_id, options.client_secret])
        .env("CROSSWALK_CACHE", cache);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    println!("{text}");
    assert!(text.trim_end().ends_with("all clients passed"), "{text}");
    running.stop().await;
}
