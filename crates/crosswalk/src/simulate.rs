//! `crosswalk simulator`: the simulated org on its own.

use crate::command_line::SimulatorOptions;
use crate::config::{LogFormat, Telemetry};
use crate::{serve, telemetry};

pub(crate) async fn run(options: SimulatorOptions) -> anyhow::Result<()> {
    telemetry::logs(&Telemetry {
        log_format: LogFormat::Text,
        ..Telemetry::default()
    })?;
    let running = simulator::start(simulator_options(&options)).await?;
    tracing::info!(url = running.base_url(), "the simulated org is ready");
    serve::stop_signal().await?;
    running.stop().await;
    Ok(())
}

/// The simulated org that these options ask for.
pub(crate) fn simulator_options(options: &SimulatorOptions) -> simulator::Options {
    let own = simulator::Options::default();
    simulator::Options {
        bind: options.bind,
        client_id: options.client_id.clone().unwrap_or(own.client_id),
        client_secret: options.client_secret.clone().unwrap_or(own.client_secret),
        rotation: !options.no_rotation,
        query_log: options.query_log.clone(),
        org: simulator::OrgOptions {
            contacts: options.contacts,
            extra_custom_fields: options.extra_custom_fields,
            ..simulator::OrgOptions::default()
        },
        ..simulator::Options::default()
    }
}
