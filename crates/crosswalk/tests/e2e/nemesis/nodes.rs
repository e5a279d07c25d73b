//! The gateways, and what a service manager does for them.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::support::{World, process};

/// How often the service manager looks.
const LOOK_EVERY: Duration = Duration::from_millis(300);
const READY_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) struct Nodes<'a> {
    world: &'a World,
    nodes: Vec<RefCell<Node>>,
}

struct Node {
    url: String,
    port: u16,
    log: PathBuf,
    /// None: the world's own first process of this node.
    process: Option<Child>,
    pid: u32,
    /// When the service manager starts it again.
    down_until: Option<Instant>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let node = |gateway: &crate::support::Gateway| {
            let url = url::Url::parse(&gateway.url).expect("a URL");
            RefCell::new(Node {
                url: gateway.url.clone(),
                port: url.port().expect("a port"),
                log: gateway.log.clone(),
                process: None,
                pid: gateway.process.id(),
                down_until: None,
            })
        };
        Self {
            world,
            nodes: world.gateways.iter().map(node).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn url(&self, node: usize) -> String {
        self.nodes[node].borrow().url.clone()
    }

    /// What the nodes logged of a connection.
    pub(super) fn logs_of(&self, connection: &str) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let log = std::fs::read_to_string(&node.borrow().log).unwrap_or_default();
            text.extend(
                log.lines()
                    .filter(|line| line.contains(connection))
                    .flat_map(|line| [line, "\n"]),
            );
            text.push('\n');
        }
        text
    }

    /// Kills a node without warning; it is started again after `down`.
    pub(super) fn kill(&self, node: usize, down: Duration) {
        let mut node = self.nodes[node].borrow_mut();
        signal("KILL", node.pid);
        node.down_until = Some(Instant::now() + down);
    }

    /// Stops a node, as a virtual machine that is moved or a collector that takes its time.
    pub(super) async fn stop(&self, node: usize, time: Duration) {
        let pid = self.nodes[node].borrow().pid;
        signal("STOP", pid);
        tokio::time::sleep(time).await;
        signal("CONT", pid);
    }

    /// Starts what is down, also what ended by itself because the database was away when it started.
    pub(super) async fn supervise(&self, over: &Cell<bool>) {
        while !over.get() {
            for (index, node) in self.nodes.iter().enumerate() {
                self.revive(index, &mut node.borrow_mut());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn revive(&self, index: usize, node: &mut Node) {
        let has_ended = node
            .process
            .as_mut()
            .is_some_and(|process| process.try_wait().expect("a process").is_some());
        let is_due = match node.down_until {
            Some(until) => until <= Instant::now(),
            None => has_ended,
        };
        if !is_due {
            return;
        }
        if let Some(mut ended) = node.process.take() {
            let _ = ended.wait();
        }
        let process = process::command(self.world, index, node.port, &node.log)
            .spawn()
            .expect("a process");
        node.pid = process.id();
        node.process = Some(process);
        node.down_until = None;
    }

    /// Everything up and ready.
    pub(super) async fn heal(&self) {
        let begun = Instant::now();
        for (index, node) in self.nodes.iter().enumerate() {
            signal("CONT", node.borrow().pid);
            loop {
                let url = format!("{}/readyz", self.url(index));
                if let Some(reply) = self.world.client.try_get(&url).await
                    && reply.status == 200
                {
                    break;
                }
                {
                    let mut node = node.borrow_mut();
                    node.down_until = node.down_until.map(|until| until.min(Instant::now()));
                    self.revive(index, &mut node);
                }
                assert!(begun.elapsed() < READY_TIMEOUT, "node {index} does not come back");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn signal(name: &str, pid: u32) {
    // A process that has ended meanwhile is no failure.
    let _ = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
}
