//! Many customers in one process: connections, some with an override of their own, and what they cost in memory and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use http::{HeaderValue, Method};

use crate::arguments::Arguments;
use crate::gateway::{Databases, Gateway, add_customer, call};
use crate::load::{Load, Outcome};
use crate::processes::free_port;
use crate::report::{Table, write_table};
use crate::upstream;

pub(crate) const OPTIONS: &[&str] = &[
    "gateway",
    "provider",
    "connections",
    "overrides",
    "postgres-url",
    "redis-url",
];
/// Callers at once, both when customers are made and when they are read.
const CALLERS: usize = 8;
/// Where each request goes: one record, so that what the customers cost is not hidden behind its own work.
const PATH: &str = "/unified/crm/contacts?limit=1";

/// `bench customers`.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let connections: usize = arguments.parsed("connections", 10_000)?;
    let overrides: usize = arguments.parsed("overrides", 1_000)?;
    ensure!(
        connections > 0 && overrides <= connections,
        "--connections from 1, --overrides at most as many"
    );
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let upstream = upstream::start(arguments.provider(), port, folder.path()).await?;
    let one = format!("http://127.0.0.1:{port}/control/records/1");
    ensure!(
        call(Method::POST, &one, &[], String::new())
            .await?
            .status
            .is_success(),
        "{one}"
    );
    let databases = Databases {
        postgres_url: arguments.text("postgres-url"),
        redis_url: arguments.text("redis-url"),
    };
    let gateway = Gateway::start(
        arguments.required("gateway")?,
        folder.path(),
        arguments.provider(),
        &format!("http://127.0.0.1:{port}"),
        &databases,
    )
    .await?;
    let mut rows = Vec::new();
    let mut row = |what: &str, outcome: Option<&Outcome>| -> anyhow::Result<()> {
        let figure = |read: fn(&Outcome) -> String| outcome.map_or_else(|| "-".to_owned(), read);
        rows.push(vec![
            what.to_owned(),
            format!("{:.0}", gateway.process.resident_mb()?),
            figure(|outcome| outcome.percentile_us(50).to_string()),
            figure(|outcome| outcome.percentile_us(99).to_string()),
            figure(|outcome| format!("{:.2}", outcome.cpu_per_10k_s)),
        ]);
        Ok(())
    };
    let pids = gateway.process.pids()?;
    let load = Load::new(
        &format!("{}{PATH}", gateway.base_url),
        u64::try_from(connections)?,
        CALLERS,
    )?
    .header("authorization", &gateway.authorization)?
    .header("x-connection-id", &gateway.connection_id)?;
    load.once().await?;
    row("one customer, warm", Some(&load.run(&pids).await?))?;

    let ids = made(&gateway, arguments.provider(), connections).await?;
    row("all connected", None)?;
    for (index, id) in ids.iter().take(overrides).enumerate() {
        put_override(&gateway, id, index).await?;
    }
    row("their overrides put", None)?;
    let customers = ids
        .iter()
        .map(|id| HeaderValue::from_str(id))
        .collect::<Result<Arc<[_]>, _>>()?;
    let all = Load { customers, ..load };
    row("each read once, cold", Some(&all.run(&pids).await?))?;
    row("each read again, warm", Some(&all.run(&pids).await?))?;

    let table = Table {
        heading: format!(
            "{connections} connections, {overrides} with an override of their own, {CALLERS} callers"
        ),
        columns: ["", "gateway, MB", "p50 µs", "p99 µs", "cpu s per 10,000"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    };
    let mut text = String::new();
    write_table(&mut text, &table);
    print!("{text}");
    drop(gateway);
    drop(upstream);
    Ok(())
}

/// Connects all customers; gives the ids of their connections.
async fn made(gateway: &Gateway, provider: &str, connections: usize) -> anyhow::Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let caller = async || -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= connections {
                return Ok(ids);
            }
            let external_id = format!("customer-{index}");
            ids.push(add_customer(&gateway.base_url, provider, &gateway.authorization, &external_id).await?);
        }
    };
    let callers = std::iter::repeat_with(caller).take(CALLERS);
    let ids = futures_util::future::try_join_all(callers).await?;
    Ok(ids.concat())
}

/// No two are alike: each is a plan of its own.
async fn put_override(gateway: &Gateway, id: &str, index: usize) -> anyhow::Result<()> {
    let document = format!(
        "resource: contacts\nfield_map: {{segment_{index}: Segment_{index}__c}}\n\
         response_mapping: |\n  response.{{\"title\": \"No. {index}: \" & Title}}\n"
    );
    let url = format!("{}/connections/{id}/mappings/contacts", gateway.base_url);
    let headers = [
        ("authorization", gateway.authorization.as_str()),
        ("content-type", "application/yaml"),
    ];
    let reply = call(Method::PUT, &url, &headers, document).await?;
    ensure!(
        reply.status.is_success(),
        "{url} answered {}: {}",
        reply.status,
        reply.text()
    );
    Ok(())
}
