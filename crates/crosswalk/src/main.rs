//! The `crosswalk` program: command line, configuration, wiring.

mod client;
mod command_line;
mod config;
mod demo;
mod health;
mod keyring;
mod keys;
mod manage;
mod mappings;
mod output;
mod serve;
mod simulate;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use crate::command_line::{Arguments, Command};

/// Mapping a page builds trees of small values: mimalloc does that about a third faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(run(arguments.command));
    // A mapping that will not stop on a blocking thread must not hold up the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(options) => serve::run(&options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Simulator(options) => simulate::run(options).await,
        Command::Config => print(config::EXAMPLE),
        Command::GenerateKey => print(&format!("{}\n", keys::generate(&model::OsRandom))),
        Command::Keys(command) => print(&keyring::run(&command).await?),
        Command::Openapi => {
            let catalog = mapping::Catalog::embedded()?;
            print(&format!("{:#}\n", gateway::openapi(&catalog)))
        }
        Command::Mappings(command) => print(&mappings::run(&command).await?),
        Command::Health(options) => health::run(&options).await,
        Command::Connect(command) => print(&manage::connect::run(&command).await?),
        Command::Connections(command) => print(&manage::connections::run(&command).await?),
        Command::Events(command) => print(&manage::events::run(&command).await?),
        Command::Webhooks(command) => print(&manage::webhooks::run(&command).await?),
        Command::Audit(command) => print(&manage::audit::run(&command).await?),
        Command::Tenants(command) => print(&manage::tenants::run(&command).await?),
        Command::ApiKeys(command) => print(&manage::api_keys::run(&command).await?),
        Command::Providers(command) => print(&manage::providers::run(&command).await?),
    }
}

/// Writes to standard output, where a closed pipe is no failure of ours.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a program that cannot start says why where its caller looks"
)]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("crosswalk: {error:#}");
    ExitCode::FAILURE
}
