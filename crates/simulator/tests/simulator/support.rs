//! A small HTTP client and a simulator to point it at.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use simulator::{Options, OrgOptions, Running};

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A running simulator and a session of its admin.
pub(crate) struct Api {
    pub(crate) running: Running,
    pool: Pool<HttpConnector, Full<Bytes>>,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) fn small_org() -> OrgOptions {
    OrgOptions {
        accounts: 30,
        contacts: 40,
        leads: 20,
        opportunities: 20,
        cases: 10,
        tasks: 10,
        events: 10,
        ..OrgOptions::default()
    }
}

pub(crate) async fn start() -> Api {
    start_with(|_| ()).await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Api {
    let mut options = Options {
        org: small_org(),
        ..Options::default()
    };
    change(&mut options);
    let running = simulator::start(options).await.unwrap();
    let mut api = Api {
        running,
        pool: Pool::builder(TokioExecutor::new()).build_http(),
        access: String::new(),
        refresh: String::new(),
    };
    let session = api.control("session", serde_json::json!({})).await;
    session["access_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut api.access);
    session["refresh_token"]
        .as_str()
        .unwrap()
        .clone_into(&mut api.refresh);
    api
}

impl Api {
    /// Sends exactly this; `None` when the connection was cut before an answer was complete.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Reply> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.running.base_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.pool.request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        self.try_send(method, path, headers, body)
            .await
            .expect("an answer")
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.access)
    }

    /// GET below `/services/data/v60.0` with the session.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let bearer = self.bearer();
        let path = format!("/services/data/v60.0{path}");
        self.send("GET", &path, &[("authorization", &bearer)], "").await
    }

    /// Any method with a JSON body and the session.
    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> Reply {
        let bearer = self.bearer();
        let path = format!("/services/data/v60.0{path}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        self.send(method, &path, &headers, body.to_string()).await
    }

    /// A form POST without a session.
    pub(crate) async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.try_form(path, pairs).await.expect("an answer")
    }

    pub(crate) async fn try_form(&self, path: &str, pairs: &[(&str, &str)]) -> Option<Reply> {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.try_send("POST", path, &headers, encode(pairs)).await
    }

    /// A token POST with the app's credentials.
    pub(crate) async fn token(&self, pairs: &[(&str, &str)]) -> Reply {
        self.try_token(pairs).await.expect("an answer")
    }

    pub(crate) async fn try_token(&self, pairs: &[(&str, &str)]) -> Option<Reply> {
        let mut all = vec![
            ("client_id", "simulator-client-id"),
            ("client_secret", "simulator-client-secret"),
        ];
        all.extend_from_slice(pairs);
        self.try_form("/services/oauth2/token", &all).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// Follows a path without a session, redirects not followed.
    pub(crate) async fn visit(&self, path: &str, cookie: &str) -> Reply {
        let headers: &[(&str, &str)] = if cookie.is_empty() {
            &[]
        } else {
            &[("cookie", cookie)]
        };
        self.send("GET", path, headers, "").await
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let headers = [("content-type", "application/json")];
        let reply = self
            .send("POST", &format!("/__control/{path}"), &headers, body.to_string())
            .await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    pub(crate) async fn counters(&self) -> Value {
        self.send("GET", "/__control/counters", &[], "").await.json()
    }

    /// Status of a cheap call with this access token.
    pub(crate) async fn status_with(&self, access: &str) -> u16 {
        let bearer = format!("Bearer {access}");
        self.send(
            "GET",
            "/services/data/v60.0/limits",
            &[("authorization", &bearer)],
            "",
        )
        .await
        .status
    }
}

/// `a=b&c=d`, percent-encoded.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}

pub(crate) fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A decoded query parameter of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| {
            let value = value.replace('+', " ");
            percent_encoding::percent_decode_str(&value)
                .decode_utf8_lossy()
                .into_owned()
        })
    })
}
