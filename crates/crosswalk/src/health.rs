//! `crosswalk health`: for container health checks, where no other HTTP client is at hand.

use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use http::{Request, StatusCode};

use crate::client::Http;
use crate::command_line::HealthOptions;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn run(options: &HealthOptions) -> anyhow::Result<()> {
    let url = format!("http://{}/readyz", options.address);
    let request = Request::get(url).body(Bytes::new().into())?;
    let reply = Http::plain().send(request, HEALTH_TIMEOUT).await?;
    ensure!(reply.status == StatusCode::OK, "not ready: {}", reply.body.trim());
    Ok(())
}
