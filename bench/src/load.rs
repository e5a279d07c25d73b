//! A closed loop of requests over keep-alive connections, and what it cost the processes that answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::arguments::Arguments;
use crate::processes::cpu_s;

/// What to send, how often.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) url: Uri,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The connection that each request chooses, in turn; the headers' own when there are none.
    pub(crate) customers: Arc<[HeaderValue]>,
    pub(crate) requests: u64,
    pub(crate) connections: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// Sorted, microseconds.
    latencies_us: Vec<u32>,
    pub(crate) body_bytes: u64,
    /// CPU seconds of the watched processes per 10,000 requests.
    pub(crate) cpu_per_10k_s: f64,
}

impl Outcome {
    pub(crate) fn percentile_us(&self, percent: usize) -> u32 {
        let at = (self.latencies_us.len().saturating_sub(1)) * percent / 100;
        self.latencies_us.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn per_second(&self) -> f64 {
        count(self.requests) / self.elapsed.as_secs_f64()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests and bytes stay far below 2^52"
)]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

impl Load {
    pub(crate) fn new(url: &str, requests: u64, connections: usize) -> anyhow::Result<Self> {
        let url: Uri = url.parse().with_context(|| format!("not a URL: {url}"))?;
        anyhow::ensure!(
            url.scheme_str() == Some("http"),
            "{url}: only http:// URLs, on this machine"
        );
        let host = url.host().context("a URL with a host")?;
        // The load generator is for servers on this machine and for nothing else.
        anyhow::ensure!(
            matches!(host, "127.0.0.1" | "localhost" | "[::1]"),
            "{host}: only loopback addresses"
        );
        anyhow::ensure!(
            requests > 0 && connections > 0,
            "at least one request and one connection"
        );
        Ok(Self {
            url,
            headers: Vec::new(),
            customers: Arc::default(),
            requests,
            connections,
        })
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> anyhow::Result<Self> {
        self.headers.push((name.trim().parse()?, value.trim().parse()?));
        Ok(self)
    }

    fn request(&self, index: u64) -> anyhow::Result<Request<Empty<Bytes>>> {
        let target = self.url.path_and_query().map_or("/", |path| path.as_str());
        let host = self.url.authority().context("a URL with a host")?.as_str();
        let mut request = Request::get(target)
            .header(header::HOST, host)
            .body(Empty::new())?;
        request.headers_mut().extend(
            self.headers
                .iter()
                .cloned()
                .map(|(name, value)| (Some(name), value)),
        );
        if !self.customers.is_empty() {
            let place = usize::try_from(index)? % self.customers.len();
            let customer = self.customers.get(place).context("a customer")?;
            request.headers_mut().insert("x-connection-id", customer.clone());
        }
        Ok(request)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let host = self.url.host().context("a URL with a host")?;
        let port = self.url.port_u16().unwrap_or(80);
        let stream = TcpStream::connect((host, port))
            .await
            .with_context(|| format!("{host}:{port}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its errors are told to the sender too.
        tokio::spawn(async move { connection.await.ok() });
        Ok(sender)
    }

    /// One request on a connection of its own; gives the whole body.
    pub(crate) async fn once(&self) -> anyhow::Result<Bytes> {
        let mut sender = self.connect().await?;
        let response = sender.send_request(self.request(0)?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!(
                "{} answered {status}: {}",
                self.url,
                String::from_utf8_lossy(body.get(..2_000).unwrap_or(&body))
            );
        }
        Ok(body)
    }

    /// Sends all requests, watching the CPU time of `pids`. Any answer but a success ends it.
    pub(crate) async fn run(&self, pids: &[u32]) -> anyhow::Result<Outcome> {
        let taken = Arc::new(AtomicU64::new(0));
        let before_s = cpu_s(pids)?;
        let started = Instant::now();
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| {
                let (load, taken) = (self.clone(), Arc::clone(&taken));
                tokio::spawn(async move { load.connection(&taken).await })
            })
            .collect();
        let mut latencies_us = Vec::new();
        let mut body_bytes = 0;
        for task in tasks {
            let (own_us, own_bytes) = task.await??;
            latencies_us.extend(own_us);
            body_bytes += own_bytes;
        }
        let elapsed = started.elapsed();
        let cpu_per_10k_s = (cpu_s(pids)? - before_s) * 10_000.0 / count(self.requests);
        latencies_us.sort_unstable();
        Ok(Outcome {
            requests: self.requests,
            elapsed,
            latencies_us,
            body_bytes,
            cpu_per_10k_s,
        })
    }

    async fn connection(&self, taken: &AtomicU64) -> anyhow::Result<(Vec<u32>, u64)> {
        let mut latencies_us = Vec::new();
        let mut body_bytes = 0;
        let mut sender = self.connect().await?;
        loop {
            let index = taken.fetch_add(1, Ordering::Relaxed);
            if index >= self.requests {
                return Ok((latencies_us, body_bytes));
            }
            if sender.ready().await.is_err() {
                sender = self.connect().await?;
                sender.ready().await?;
            }
            let started = Instant::now();
            let response = sender.send_request(self.request(index)?).await?;
            let status = response.status();
            let mut body = response.into_body();
            let mut told = Vec::new();
            while let Some(frame) = body.frame().await {
                if let Some(data) = frame?.data_ref() {
                    body_bytes += u64::try_from(data.len())?;
                    if !status.is_success() && told.len() < 2_000 {
                        told.extend_from_slice(data);
                    }
                }
            }
            if !status.is_success() {
                bail!(
                    "{} answered {status}: {}",
                    self.url,
                    String::from_utf8_lossy(&told)
                );
            }
            latencies_us.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
}

/// `bench load`.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let requests = arguments.parsed("requests", 10_000)?;
    let mut load = Load::new(
        arguments.required("url")?,
        requests,
        arguments.parsed("connections", 16)?,
    )?;
    for header in arguments.all("header") {
        let (name, value) = header
            .split_once(':')
            .with_context(|| format!("--header '{header}': no colon"))?;
        load = load.header(name, value)?;
    }
    let pids = arguments
        .all("pid")
        .map(|pid| pid.parse().with_context(|| format!("--pid {pid}: not a number")))
        .collect::<anyhow::Result<Vec<u32>>>()?;
    let outcome = load.run(&pids).await?;
    println!(
        "{} requests in {:.2} s: {:.0}/s; p50 {} µs, p90 {} µs, p99 {} µs; {:.1} MB of bodies",
        outcome.requests,
        outcome.elapsed.as_secs_f64(),
        outcome.per_second(),
        outcome.percentile_us(50),
        outcome.percentile_us(90),
        outcome.percentile_us(99),
        count(outcome.body_bytes) / 1e6,
    );
    if !pids.is_empty() {
        println!("{:.3} CPU seconds per 10,000 requests", outcome.cpu_per_10k_s);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Load;

    #[test]
    fn load_goes_to_this_machine_only() {
        assert!(Load::new("http://127.0.0.1:1/x", 1, 1).is_ok());
        for refused in [
            "http://10.0.0.1/",
            "https://127.0.0.1/",
            "http://localhost.example.com/",
            "nonsense",
            "/x",
        ] {
            assert!(Load::new(refused, 1, 1).is_err(), "{refused}");
        }
    }
}
