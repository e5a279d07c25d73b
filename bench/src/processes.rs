//! Programs that a comparison starts, watches and ends.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// Longest a program may take until it accepts a connection.
const START_MAX: Duration = Duration::from_secs(30);
/// Linux counts the CPU time it shows to programs in hundredths of a second, on every platform that runs this.
const TICKS_PER_S: f64 = 100.0;

/// A started program; ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts a program whose output goes to `log`, and waits until `port` accepts connections.
    pub(crate) async fn start(
        name: &str,
        command: &mut Command,
        port: u16,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let out = std::fs::File::create(log).with_context(|| log.display().to_string())?;
        let err = out.try_clone()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut process = Self {
            child,
            name: name.to_owned(),
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{name} ended with {status}: {}", std::fs::read_to_string(log)?);
            }
            if started.elapsed() > START_MAX {
                bail!(
                    "{name} does not listen on port {port}: {}",
                    std::fs::read_to_string(log)?
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(process)
    }

    /// The program and the programs that it started.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let own = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"))
            .with_context(|| format!("{} has ended", self.name))?;
        let mut pids = vec![own];
        for pid in children.split_whitespace() {
            pids.push(pid.parse()?);
        }
        Ok(pids)
    }

    /// Resident memory of the program itself, MB.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("VmRSS in /proc")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // SIGTERM first: nginx's master ends its workers only then.
        let pid = self.child.id().to_string();
        Command::new("kill").arg(&pid).status().ok();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            Command::new("sleep").arg("0.05").status().ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// CPU seconds, user and system, that the processes have used so far.
pub(crate) fn cpu_s(pids: &[u32]) -> anyhow::Result<f64> {
    let mut ticks = 0.0;
    for pid in pids {
        let stat =
            std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
        // The second field is the name, in parentheses, and may hold blanks.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        for at in [11, 12] {
            let field: f64 = fields
                .get(at)
                .and_then(|field| field.parse().ok())
                .context("times in /proc")?;
            ticks += field;
        }
    }
    Ok(ticks / TICKS_PER_S)
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use super::cpu_s;

    #[test]
    fn cpu_time_is_that_of_the_work_done() {
        let own = [std::process::id()];
        let before = cpu_s(&own).unwrap();
        let started = Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(300) {
            sum = black_box(sum.wrapping_add(1));
        }
        let used = cpu_s(&own).unwrap() - before;
        assert!(
            used > 0.02,
            "300 ms of work on a busy machine, counted as {used} s"
        );
        assert!(cpu_s(&[u32::MAX]).is_err(), "a process that is not there");
    }
}
