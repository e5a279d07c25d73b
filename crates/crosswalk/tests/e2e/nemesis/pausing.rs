//! A TCP proxy in front of Postgres that can stand still or break every connection: what a frozen or failed-over database looks
//! like from outside. Statements under way may well be carried out while their answers are held back, which is nastier than
//! a stopped process.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gate {
    is_paused: bool,
    /// Connections opened before the latest cut end.
    cuts: u64,
}

pub(super) struct PausingProxy {
    pub(super) port: u16,
    gate: watch::Sender<Gate>,
}

impl PausingProxy {
    pub(super) async fn start(upstream: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let open = Gate {
            is_paused: false,
            cuts: 0,
        };
        let (gate, watching) = watch::channel(open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, watching) = (upstream.clone(), watching.clone());
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect((upstream.0.as_str(), upstream.1)).await {
                        serve(client, server, watching).await;
                    }
                });
            }
        });
        Self { port, gate }
    }

    pub(super) async fn pause(&self, time: Duration) {
        self.gate.send_modify(|gate| gate.is_paused = true);
        tokio::time::sleep(time).await;
        self.resume();
    }

    pub(super) fn resume(&self) {
        self.gate.send_modify(|gate| gate.is_paused = false);
    }

    pub(super) fn cut(&self) {
        self.gate.send_modify(|gate| gate.cuts += 1);
    }
}

async fn serve(client: TcpStream, server: TcpStream, gate: watch::Receiver<Gate>) {
    let born = gate.borrow().cuts;
    let mut watching = gate.clone();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = copy(from_client, to_server, gate.clone()) => {}
        () = copy(from_server, to_client, gate) => {}
        _ = watching.wait_for(|gate| gate.cuts != born) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<Gate>) {
    let mut buffer = vec![0_u8; 16 << 10];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if gate.wait_for(|gate| !gate.is_paused).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
