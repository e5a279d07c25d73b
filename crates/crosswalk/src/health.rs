//! `crosswalk health`: for container health checks, where no other HTTP client is at hand.

use std::time::Duration;

use anyhow::bail;

use crate::command_line::HealthOptions;
use crate::demo::http;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn run(options: &HealthOptions) -> anyhow::Result<()> {
    let url = format!("http://{}/readyz", options.address);
    let reply = tokio::time::timeout(HEALTH_TIMEOUT, http::send(&http::Request::get(&url))).await??;
    if reply.status != 200 {
        bail!("not ready: {}", reply.body.trim());
    }
    Ok(())
}
