//! A provider with strict rotation: a refresh token presented twice ends the grant, and is counted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What the token endpoint does with the next request.
pub(crate) enum TokenScript {
    /// A new pair without `refresh_token` in the reply; the old one stays good.
    KeepRefreshToken,
    /// A new pair, with these members laid over the reply.
    RotateWith(Value),
    /// An answer, without looking.
    Answer(u16, String),
    /// Rotates, then breaks the connection: a lost reply.
    LoseReply,
    /// Rotates after the permit comes.
    WaitForPermit,
}

/// What a receiver of webhooks does with the next one; it takes those that nothing is said about.
pub(crate) enum Hook {
    /// Answers with this status and header.
    Answer(u16, Option<(&'static str, &'static str)>),
    /// Never answers.
    Hang,
    /// Takes it, and answers with more than anybody reads.
    Flood,
    /// Takes it after the permit comes.
    WaitForPermit,
}

/// A data request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) struct Fake {
    pub(crate) origin: String,
    pub(crate) token_posts: AtomicUsize,
    pub(crate) revocations: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    pub(crate) generation: AtomicUsize,
    pub(crate) script: Mutex<VecDeque<TokenScript>>,
    pub(crate) token_bodies: Mutex<Vec<String>>,
    pub(crate) token_heads: Mutex<Vec<HeaderMap>>,
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) arrived: Semaphore,
    pub(crate) permits: Semaphore,
    pub(crate) revoked: Mutex<Vec<String>>,
    /// Token requests under way, and the most there ever were at a time.
    under_way: AtomicUsize,
    pub(crate) most_under_way: AtomicUsize,
    pub(crate) hooks: Mutex<VecDeque<Hook>>,
}

type Reply = Response<Full<Bytes>>;

impl Fake {
    pub(crate) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Arc::new(Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            token_posts: AtomicUsize::new(0),
            revocations: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            generation: AtomicUsize::new(1),
            script: Mutex::default(),
            token_bodies: Mutex::default(),
            token_heads: Mutex::default(),
            seen: Mutex::default(),
            arrived: Semaphore::new(0),
            permits: Semaphore::new(0),
            revoked: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            hooks: Mutex::default(),
        });
        let serving = Arc::clone(&fake);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let fake = Arc::clone(&serving);
                tokio::spawn(async move {
                    let service = service_fn(move |request| Arc::clone(&fake).serve(request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        fake
    }

    pub(crate) fn next(&self, script: TokenScript) {
        self.script.lock().unwrap().push_back(script);
    }

    pub(crate) fn posts(&self) -> usize {
        self.token_posts.load(Ordering::SeqCst)
    }

    /// Goes on with a call until its token request is here; it is scripted to wait for a permit.
    pub(crate) async fn until_presented<T>(&self, call: Pin<&mut impl Future<Output = T>>) {
        tokio::select! {
            _ = call => panic!("the token endpoint waits"),
            arrived = self.arrived.acquire() => arrived.unwrap().forget(),
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Reply, Infallible> {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let path = head.uri.path().to_owned();
        if path == "/oauth/token" {
            self.token_heads.lock().unwrap().push(head.headers);
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
            let reply = self.token(&body).await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            return Ok(reply);
        }
        if path == "/oauth/revoke" {
            self.revoked
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&body).into_owned());
            return Ok(answer(200, ""));
        }
        if head.method == Method::DELETE && path.starts_with("/oauth/grants/") {
            self.revoked.lock().unwrap().push(path);
            return Ok(answer(204, ""));
        }
        let seen = Seen {
            method: head.method,
            target: head.uri.to_string(),
            headers: head.headers,
            body,
        };
        self.seen.lock().unwrap().push(seen.clone());
        if path.starts_with("/hook") {
            return Ok(self.hook().await);
        }
        if path == "/data/v1/hangs" {
            std::future::pending::<()>().await;
        }
        Ok(self.data(&path, &seen))
    }

    async fn hook(&self) -> Reply {
        let script = self.hooks.lock().unwrap().pop_front();
        match script {
            None => answer(204, ""),
            Some(Hook::Answer(status, None)) => answer(status, "{}"),
            Some(Hook::Answer(status, Some((name, value)))) => with(answer(status, "{}"), name, value),
            Some(Hook::Hang) => std::future::pending().await,
            Some(Hook::Flood) => answer(200, &"x".repeat(8 << 20)),
            Some(Hook::WaitForPermit) => {
                self.permits.acquire().await.unwrap().forget();
                answer(200, "")
            }
        }
    }

    async fn token(&self, body: &Bytes) -> Reply {
        self.token_posts.fetch_add(1, Ordering::SeqCst);
        let body = String::from_utf8_lossy(body).into_owned();
        self.token_bodies.lock().unwrap().push(body.clone());
        self.arrived.add_permits(1);
        let script = self.script.lock().unwrap().pop_front();
        if let Some(TokenScript::Answer(status, text)) = &script {
            return answer(*status, text);
        }
        if let Some(TokenScript::WaitForPermit) = &script {
            self.permits.acquire().await.unwrap().forget();
        } else {
            // Long enough for others to pile up.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Tokens of many connections, which do not rotate.
        if body.contains("refresh_token=many-") {
            return answer(200, r#"{"access_token": "good"}"#);
        }
        let generation = self.generation.load(Ordering::SeqCst);
        let refresh = body.contains("grant_type=refresh_token");
        if refresh && !body.contains(&format!("refresh_token=refresh-{generation}&")) {
            self.revocations.fetch_add(1, Ordering::SeqCst);
            return answer(
                400,
                r#"{"error":"invalid_grant","error_description":"expired token"}"#,
            );
        }
        let mut reply = json!({"access_token": format!("access-{}", generation + 1), "scope": "api offline",
            "account": "account-1", "user": "user-1", "instance_url": self.origin});
        if let Some(TokenScript::KeepRefreshToken) = &script {
            // The access token changes, the refresh token does not: generations count refresh tokens.
            reply["access_token"] = json!("access-kept");
            return answer(200, &reply.to_string());
        }
        self.generation.store(generation + 1, Ordering::SeqCst);
        reply["refresh_token"] = json!(format!("refresh-{}", generation + 1));
        match script {
            Some(TokenScript::RotateWith(Value::Object(members))) => {
                for (name, value) in members {
                    reply[name] = value;
                }
            }
            Some(TokenScript::LoseReply) => return answer(200, "{\"access_token\": tru"),
            _ => {}
        }
        answer(200, &reply.to_string())
    }

    fn data(&self, path: &str, seen: &Seen) -> Reply {
        let generation = self.generation.load(Ordering::SeqCst);
        let bearer = seen
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned());
        // The pair that the store begins with is over.
        let good = generation > 1 && bearer == Some(format!("Bearer access-{generation}"));
        let good = good
            || bearer.as_deref() == Some("Bearer access-kept")
            || bearer.as_deref() == Some("Bearer good");
        match path {
            "/data/v1/always-over" => answer(401, r#"{"code":"SESSION_OVER"}"#),
            _ if !good => answer(401, r#"{"code":"SESSION_OVER"}"#),
            "/data/v1/limited" => with(answer(429, r#"{"code":"SLOW_DOWN"}"#), "retry-after", "7"),
            "/data/v1/forbidden" => with(answer(403, r#"{"code":"LIMIT"}"#), "acme-usage", "100000/100000"),
            "/data/v1/moved" => with(answer(302, ""), "location", "http://127.0.0.1:1/stolen"),
            "/data/v1/bomb" => with(Response::new(Full::new(bomb())), "content-encoding", "gzip"),
            "/data/v1/zipped" => with(
                Response::new(Full::new(zip(b"{\"zipped\":true}"))),
                "content-encoding",
                "gzip",
            ),
            "/data/v1/deep" => answer(200, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
            "/data/v1/objects/Thing" => describe(seen),
            "/data/v1/objects/Absent" => answer(404, r#"{"code":"NONE"}"#),
            _ => {
                let reply = answer(200, r#"{"ok":true}"#);
                let reply = with(reply, "acme-usage", "45032/100000");
                let reply = with(reply, "set-cookie", "a=b");
                let reply = with(reply, "x-dropped", "1");
                with(reply, "x-kept", "1")
            }
        }
    }
}

fn describe(seen: &Seen) -> Reply {
    if seen.headers.contains_key("if-modified-since") {
        return answer(304, "");
    }
    let fields = json!([{"name": "Id"}, {"name": "Colour__c", "is_custom": true}]);
    let described = json!({"label": "Thing", "fields": fields});
    let reply = answer(200, &described.to_string());
    with(reply, "last-modified", "Sat, 21 Nov 2026 10:00:00 GMT")
}

pub(crate) fn zip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    Bytes::from(encoder.finish().unwrap())
}

/// 256 MiB of nothing in a quarter of a megabyte.
fn bomb() -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let piece = vec![0_u8; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&piece).unwrap();
    }
    Bytes::from(encoder.finish().unwrap())
}

fn answer(status: u16, body: &str) -> Reply {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

fn with(mut reply: Reply, name: &'static str, value: &'static str) -> Reply {
    reply.headers_mut().insert(name, value.parse().unwrap());
    reply
}
