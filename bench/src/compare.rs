//! Everything in one run: the mapping alone, then nginx, the floors and the gateway side by side over the same stub
//! upstream. The measure is CPU seconds of the measured process per 10,000 requests, the least noisy one there is.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use http::Method;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::arguments::Arguments;
use crate::gateway::{Databases, Gateway, call};
use crate::load::{Load, count};
use crate::processes::{Process, free_port};
use crate::report::{Ratio, Report, Table, median};
use crate::{mapping_page, pages, upstream};

pub(crate) const OPTIONS: &[&str] = &[
    "gateway",
    "nginx",
    "rounds",
    "scale",
    "provider",
    "jsonata-js",
    "postgres-url",
    "postgres-log",
    "redis-url",
    "write",
    "only",
];

/// Requests in flight at any time: enough to keep two cores busy, within every limit of the gateway.
const CONNECTIONS: usize = 8;

const MAPPING: &str = "mapping a page";
const NGINX: &str = "nginx";
const FLOOR_PROXY: &str = "axum + hyper-util";
const FLOOR_VALUE: &str = "axum + by hand, Value";
const FLOOR_BORROWED: &str = "axum + by hand, borrowed";
const CROSSWALK: &str = "crosswalk";

/// One way of getting the answer.
struct Subject<'a> {
    name: &'static str,
    url: String,
    process: &'a Process,
    requests: u64,
}

/// Ways that are compared, and the ratios of the gateway's cost to others' that are held or told.
struct Scenario<'a> {
    name: &'static str,
    /// Records a query to the stub answers.
    query_records: usize,
    subjects: Vec<Subject<'a>>,
    ratios: Vec<(&'static str, Option<f64>)>,
}

struct Servers {
    upstream_url: String,
    nginx_url: String,
    floor_url: String,
    nginx: Process,
    floor: Process,
    gateway: Gateway,
    // Last: the upstream outlives those that talk to it.
    _upstream: Process,
}

/// `bench compare`.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let rounds: usize = arguments.parsed("rounds", 5)?;
    let scale: u64 = arguments.parsed("scale", 100)?;
    ensure!(
        rounds > 0 && (1..=1_000).contains(&scale),
        "--rounds from 1, --scale from 1 to 1000 percent"
    );
    // A look at one scenario while working on it, for instance under a profiler; nothing is left out of a recorded run.
    let only = arguments.text("only").unwrap_or_default();
    ensure!(
        only.is_empty() || arguments.text("write").is_none(),
        "--only is not for a run that is written down"
    );
    let mut report = Report::default();
    if MAPPING.contains(only) {
        eprintln!("{MAPPING}");
        report = mapping_page::measure(arguments)?;
    }
    let folder = tempfile::tempdir()?;
    let servers = start(arguments, &folder).await?;
    let idle_mb = servers.gateway.process.resident_mb()?;
    let scenarios = scenarios(&servers, scale);
    for scenario in scenarios.iter().filter(|scenario| scenario.name.contains(only)) {
        measure(scenario, &servers, rounds, &mut report).await?;
    }
    warm_round_trips(arguments, &servers, &mut report).await?;
    let busy_mb = servers.gateway.process.resident_mb()?;
    report.tables.push(Table {
        heading: "Memory of the gateway, MB resident".to_owned(),
        columns: ["after connecting", "after the run"].map(str::to_owned).to_vec(),
        rows: vec![vec![format!("{idle_mb:.0}"), format!("{busy_mb:.0}")]],
    });
    drop(servers);
    let text = report.markdown();
    print!("{text}");
    if let Some(path) = arguments.text("write") {
        std::fs::write(path, format!("# {}\n\n{text}", machine()?)).with_context(|| path.to_owned())?;
    }
    let exceeded = report.exceeded();
    ensure!(exceeded == 0, "{exceeded} ratios are past what they may be");
    Ok(())
}

/// What a reader of recorded results must know to compare them.
fn machine() -> anyhow::Result<String> {
    let date = Command::new("date")
        .arg("-u")
        .arg("+%Y-%m-%d %H:%M UTC")
        .output()?;
    let cores = std::thread::available_parallelism()?;
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1));
    Ok(format!(
        "{}: {cores} cores, {}",
        String::from_utf8(date.stdout)?.trim(),
        model.unwrap_or("unknown processor")
    ))
}

async fn start(arguments: &Arguments, folder: &TempDir) -> anyhow::Result<Servers> {
    let folder = folder.path();
    let own = std::env::current_exe()?;
    let (upstream_port, floor_port, nginx_port) = (free_port()?, free_port()?, free_port()?);
    let upstream_url = format!("http://127.0.0.1:{upstream_port}");
    let upstream = upstream::start(arguments.provider(), upstream_port, folder).await?;
    let mut command = Command::new(&own);
    command.args([
        "floor",
        "--upstream",
        &upstream_url,
        "--bind",
        &format!("127.0.0.1:{floor_port}"),
    ]);
    let floor = Process::start("bench floor", &mut command, floor_port, &folder.join("floor.log")).await?;
    let nginx = start_nginx(
        arguments.text("nginx").unwrap_or("nginx"),
        folder,
        nginx_port,
        upstream_port,
    )
    .await?;
    let databases = Databases {
        postgres_url: arguments.text("postgres-url"),
        redis_url: arguments.text("redis-url"),
    };
    let program = arguments.required("gateway")?;
    let gateway = Gateway::start(program, folder, arguments.provider(), &upstream_url, &databases).await?;
    Ok(Servers {
        upstream_url,
        nginx_url: format!("http://127.0.0.1:{nginx_port}"),
        floor_url: format!("http://127.0.0.1:{floor_port}"),
        nginx,
        floor,
        gateway,
        _upstream: upstream,
    })
}

/// nginx as most people have it: buffering on, buffers of the default sizes, connections to the upstream kept.
async fn start_nginx(program: &str, folder: &Path, port: u16, upstream_port: u16) -> anyhow::Result<Process> {
    let shown = folder.display();
    let configuration = format!(
        "daemon off; user root; worker_processes 2; pid {shown}/nginx.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {shown}/nginx-body; proxy_temp_path {shown}/nginx-proxy;
  fastcgi_temp_path {shown}/nginx-fastcgi; uwsgi_temp_path {shown}/nginx-uwsgi; scgi_temp_path {shown}/nginx-scgi;
  keepalive_requests 1000000000;
  upstream provider {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
  }}
}}
"
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, configuration)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg(&path);
    Process::start("nginx", &mut command, port, &folder.join("nginx.log")).await
}

fn scenarios(servers: &Servers, scale: u64) -> Vec<Scenario<'_>> {
    let many = |requests: u64| (requests * scale / 100).max(50);
    let Servers {
        nginx,
        floor,
        nginx_url,
        floor_url,
        gateway,
        ..
    } = servers;
    let process = &gateway.process;
    let base_url = &gateway.base_url;
    let nginx = |path: &str, requests| Subject {
        name: NGINX,
        url: format!("{nginx_url}{path}"),
        process: nginx,
        requests: many(requests),
    };
    let floor = |name, path: &str, requests| Subject {
        name,
        url: format!("{floor_url}{path}"),
        process: floor,
        requests: many(requests),
    };
    let crosswalk = |path: &str, requests| Subject {
        name: CROSSWALK,
        url: format!("{base_url}{path}"),
        process,
        requests: many(requests),
    };
    let (small, large) = (upstream::wide_page_path(1), upstream::wide_page_path(200));
    let first = pages::record_id(0);
    vec![
        Scenario {
            name: "proxy, 1 record of 0.8 KB",
            query_records: 1,
            subjects: vec![
                nginx(&small, 20_000),
                floor(FLOOR_PROXY, &small, 20_000),
                crosswalk(&format!("/proxy{small}"), 20_000),
            ],
            ratios: vec![(NGINX, Some(4.0)), (FLOOR_PROXY, None)],
        },
        Scenario {
            name: "proxy, 200 records, 161 KB",
            query_records: 200,
            subjects: vec![
                nginx(&large, 4_000),
                floor(FLOOR_PROXY, &large, 4_000),
                crosswalk(&format!("/proxy{large}"), 4_000),
            ],
            ratios: vec![(NGINX, Some(1.2)), (FLOOR_PROXY, None)],
        },
        Scenario {
            name: "unified list of 200 contacts",
            query_records: 200,
            subjects: vec![
                nginx(&upstream::page_path(200), 4_000),
                floor(FLOOR_BORROWED, "/borrowed?records=200", 2_000),
                floor(FLOOR_VALUE, "/value?records=200", 600),
                crosswalk("/unified/crm/contacts?limit=200", 600),
            ],
            ratios: vec![(FLOOR_VALUE, Some(5.0)), (FLOOR_BORROWED, None), (NGINX, None)],
        },
        Scenario {
            name: "unified read of one contact",
            query_records: 1,
            subjects: vec![
                nginx(&upstream::page_path(1), 20_000),
                floor(FLOOR_BORROWED, "/borrowed?records=1", 20_000),
                floor(FLOOR_VALUE, "/value?records=1", 20_000),
                crosswalk(&format!("/unified/crm/contacts/{first}"), 10_000),
            ],
            ratios: vec![(FLOOR_VALUE, None), (FLOOR_BORROWED, None), (NGINX, None)],
        },
    ]
}

fn load(subject: &Subject<'_>, gateway: &Gateway, requests: u64) -> anyhow::Result<Load> {
    let load = Load::new(&subject.url, requests, CONNECTIONS)?;
    if subject.name != CROSSWALK {
        return Ok(load);
    }
    load.header("authorization", &gateway.authorization)?
        .header("x-connection-id", &gateway.connection_id)
}

async fn answer_with(servers: &Servers, records: usize) -> anyhow::Result<()> {
    let url = format!("{}/control/records/{records}", servers.upstream_url);
    let reply = call(Method::POST, &url, &[], String::new()).await?;
    ensure!(reply.status.is_success(), "{url} answered {}", reply.status);
    Ok(())
}

async fn measure(
    scenario: &Scenario<'_>,
    servers: &Servers,
    rounds: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    eprintln!("{}", scenario.name);
    answer_with(servers, scenario.query_records).await?;
    // What each answers, before how fast: a wrong answer is often a fast one.
    let mut sizes = Vec::new();
    for subject in &scenario.subjects {
        let body = load(subject, &servers.gateway, 1)?
            .once()
            .await
            .with_context(|| subject.name)?;
        check_answer(subject, scenario, &body)?;
        sizes.push(body.len());
        load(subject, &servers.gateway, (subject.requests / 10).max(50))?
            .run(&[])
            .await?;
    }
    let mut cpu_s: Vec<Vec<f64>> = vec![Vec::new(); scenario.subjects.len()];
    let mut p50_us: Vec<Vec<f64>> = cpu_s.clone();
    let mut per_second: Vec<Vec<f64>> = cpu_s.clone();
    for _ in 0..rounds {
        for (at, subject) in scenario.subjects.iter().enumerate() {
            let pids = subject.process.pids()?;
            let outcome = load(subject, &servers.gateway, subject.requests)?
                .run(&pids)
                .await
                .with_context(|| format!("{}: {}", scenario.name, subject.name))?;
            cpu_s[at].push(outcome.cpu_per_10k_s);
            p50_us[at].push(f64::from(outcome.percentile_us(50)));
            per_second[at].push(outcome.per_second());
        }
    }
    let medians = |all: Vec<Vec<f64>>| all.into_iter().map(median).collect::<Vec<f64>>();
    let (cpu_s, p50_us, per_second) = (medians(cpu_s), medians(p50_us), medians(per_second));
    let cost = |name: &str| {
        let at = scenario.subjects.iter().position(|subject| subject.name == name);
        at.and_then(|at| cpu_s.get(at)).copied().unwrap_or(f64::NAN)
    };
    let rows = scenario.subjects.iter().enumerate().map(|(at, subject)| {
        vec![
            subject.name.to_owned(),
            format!(
                "{:.1}",
                count(u64::try_from(sizes[at]).unwrap_or(u64::MAX)) / 1000.0
            ),
            format!("{:.2}", cpu_s[at]),
            format!("{:.2}", cpu_s[at] / cost(scenario.subjects[0].name)),
            format!("{:.0}", p50_us[at]),
            format!("{:.0}", per_second[at]),
        ]
    });
    report.tables.push(Table {
        heading: format!("{}, {CONNECTIONS} connections", scenario.name),
        columns: [
            "",
            "answer KB",
            "cpu s per 10,000",
            "× nginx",
            "p50 µs",
            "requests/s",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.collect(),
    });
    for (other, at_most) in &scenario.ratios {
        let what = format!("{}: {CROSSWALK} / {other}", scenario.name);
        report
            .ratios
            .push(Ratio::new(what, cost(CROSSWALK) / cost(other), *at_most));
    }
    Ok(())
}

fn check_answer(subject: &Subject<'_>, scenario: &Scenario<'_>, body: &[u8]) -> anyhow::Result<()> {
    let answer: serde_json::Value =
        serde_json::from_slice(body).with_context(|| format!("{} answered no JSON", subject.name))?;
    let records = answer["records"]
        .as_array()
        .or_else(|| answer["result"].as_array())
        .map_or(1, Vec::len);
    ensure!(
        records == scenario.query_records,
        "{}: {records} records instead of {}",
        subject.name,
        scenario.query_records
    );
    if !subject.url.contains("/page?") {
        let contact = if answer["result"].is_array() {
            &answer["result"][0]
        } else {
            &answer
        };
        ensure!(
            contact["last_name"] == "Lovelace",
            "{}: {contact} is not the first contact",
            subject.name
        );
    }
    Ok(())
}

/// How often a request that finds everything cached asks the database or Redis.
async fn warm_round_trips(
    arguments: &Arguments,
    servers: &Servers,
    report: &mut Report,
) -> anyhow::Result<()> {
    const REQUESTS: u64 = 4_000;
    let log = arguments.text("postgres-log");
    let redis_url = arguments.text("redis-url");
    if log.is_none() {
        report
            .gaps
            .push("SQL statements of warm requests: no --postgres-log".to_owned());
    }
    if redis_url.is_none() {
        report
            .gaps
            .push("Redis commands of warm requests: no --redis-url".to_owned());
    }
    let statements = || log.map(sql_statements).transpose();
    answer_with(servers, 1).await?;
    let base_url = &servers.gateway.base_url;
    let first = pages::record_id(0);
    let paths = [
        format!("/unified/crm/contacts/{first}"),
        "/unified/crm/contacts?limit=1".to_owned(),
        format!("/proxy{}", upstream::page_path(1)),
    ];
    for path in paths {
        let subject = Subject {
            name: CROSSWALK,
            url: format!("{base_url}{path}"),
            process: &servers.gateway.process,
            requests: REQUESTS,
        };
        load(&subject, &servers.gateway, 50)?.run(&[]).await?;
        let before = (statements()?, redis_commands(redis_url).await?);
        load(&subject, &servers.gateway, REQUESTS)?.run(&[]).await?;
        let after = (statements()?, redis_commands(redis_url).await?);
        // What runs beside the requests (a subscription kept alive, changes looked for) is some tens a minute.
        if let (Some(before), Some(after)) = (before.0, after.0) {
            let value = count(after - before) / count(REQUESTS);
            report.ratios.push(Ratio::new(
                format!("SQL statements per warm GET {path}"),
                value,
                0.01,
            ));
        }
        if let (Some(before), Some(after)) = (before.1, after.1) {
            let value = count(after.saturating_sub(before + 1)) / count(REQUESTS);
            report.ratios.push(Ratio::new(
                format!("Redis commands per warm GET {path}"),
                value,
                0.01,
            ));
        }
    }
    Ok(())
}

/// Statements in the log of a Postgres that logs every one (`log_statement=all`).
fn sql_statements(log: &str) -> anyhow::Result<u64> {
    let bytes = std::fs::read(log).with_context(|| log.to_owned())?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text
        .lines()
        .filter(|line| line.contains("LOG:  execute ") || line.contains("LOG:  statement: "));
    let found = u64::try_from(lines.count())?;
    ensure!(
        found > 0,
        "{log} holds no statement: start Postgres with log_statement=all"
    );
    Ok(found)
}

/// Commands that Redis has processed so far, this question included.
async fn redis_commands(url: Option<&str>) -> anyhow::Result<Option<u64>> {
    let Some(url) = url else { return Ok(None) };
    let address = url
        .strip_prefix("redis://")
        .map(|rest| rest.split('/').next().unwrap_or(rest));
    let mut stream = TcpStream::connect(address.with_context(|| format!("not a Redis URL: {url}"))?).await?;
    stream.write_all(b"INFO stats\r\nQUIT\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("total_commands_processed:"));
    Ok(Some(
        line.context("total_commands_processed in INFO stats")?
            .trim()
            .parse()?,
    ))
}
