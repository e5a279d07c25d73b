//! An HTTP client as plain as a caller's, and a browser as far as forms and cookies go.

use std::collections::HashMap;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use url::Url;

use super::{answers, canaries};

#[derive(Clone)]
pub(crate) struct Client(Hyper<HttpConnector, Full<Bytes>>);

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self(Hyper::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn request(&self, request: http::Request<Full<Bytes>>) -> Option<Reply> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (head, body) = self.0.request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let reply = Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        };
        canaries::collect(&reply.body);
        canaries::check_problem(uri.path(), &reply);
        let query = uri.query().unwrap_or_default();
        if let Err(wrong) = answers::check(method.as_str(), uri.path(), query, &reply) {
            panic!("{method} {uri} is not answered as described: {wrong}\n{reply:?}");
        }
        Some(reply)
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, String)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(bytes)).expect("a request");
        self.request(request)
            .await
            .unwrap_or_else(|| panic!("no reply from {method} {url}"))
    }

    /// Sends a body that is no JSON, such as a mapping document.
    pub(crate) async fn send_text(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, String)],
        kind: &str,
        text: &str,
    ) -> Reply {
        let mut request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", kind);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(text.to_owned())))
            .expect("a request");
        self.request(request)
            .await
            .unwrap_or_else(|| panic!("no reply from {method} {url}"))
    }

    pub(crate) async fn get(&self, url: &str, headers: &[(&str, String)]) -> Reply {
        self.send("GET", url, headers, None).await
    }

    pub(crate) async fn try_get(&self, url: &str) -> Option<Reply> {
        self.request(http::Request::get(url).body(Full::default()).ok()?)
            .await
    }

    pub(crate) async fn post(&self, url: &str, headers: &[(&str, String)], body: &Value) -> Reply {
        self.send("POST", url, headers, Some(body)).await
    }
}

/// Sends bytes as they are and answers the status line: for requests that no client would send.
pub(crate) async fn raw(base_url: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = base_url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    // The gateway may answer and close before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut reply = vec![0; 64];
    let length = stream.read(&mut reply).await.unwrap_or_default();
    String::from_utf8_lossy(&reply[..length])
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A person who agrees to everything.
pub(crate) struct Browser<'a> {
    client: &'a Client,
    cookies: HashMap<String, HashMap<String, String>>,
    /// Every URL visited.
    pub(crate) visited: Vec<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            cookies: HashMap::new(),
            visited: Vec::new(),
        }
    }

    /// Opens `url` and goes on through redirects and forms until a page has none.
    pub(crate) async fn walk(&mut self, url: &str) -> Reply {
        self.walk_until(url, |_| false).await
    }

    /// As [`Browser::walk`], but stops before visiting a URL that `is_last` names, answering the reply that led there.
    pub(crate) async fn walk_until(&mut self, url: &str, is_last: impl Fn(&Url) -> bool) -> Reply {
        let mut url = Url::parse(url).expect("a URL");
        let mut form: Option<String> = None;
        for _ in 0..20 {
            let reply = self.visit(&url, form.take()).await;
            let next = match reply.status {
                301..=308 => url
                    .join(reply.header("location").expect("a location"))
                    .expect("a URL"),
                200 => match next_form(&reply.text()) {
                    Some((action, fields)) => {
                        form = Some(fields);
                        url.join(&action).expect("a URL")
                    }
                    None => return reply,
                },
                _ => return reply,
            };
            if is_last(&next) {
                return reply;
            }
            url = next;
        }
        panic!("the flow does not end: {:?}", self.visited);
    }

    pub(crate) async fn visit(&mut self, url: &Url, form: Option<String>) -> Reply {
        self.visited.push(url.to_string());
        let jar = self
            .cookies
            .entry(url.origin().ascii_serialization())
            .or_default();
        let cookie = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        let mut request = http::Request::builder()
            .uri(url.as_str())
            .method(if form.is_some() { "POST" } else { "GET" });
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        if form.is_some() {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", url.origin().ascii_serialization());
        }
        let request = request
            .body(Full::new(Bytes::from(form.unwrap_or_default())))
            .expect("a request");
        let reply = self.client.request(request).await.expect("a page");
        for value in reply.headers.get_all("set-cookie") {
            if let Some((name, rest)) = value.to_str().expect("text").split_once('=') {
                jar.insert(
                    name.to_owned(),
                    rest.split(';').next().unwrap_or_default().to_owned(),
                );
            }
        }
        reply
    }
}

/// The page's first form: where it goes and what it sends when its first button is pressed.
fn next_form(page: &str) -> Option<(String, String)> {
    let form = page.split("<form").nth(1)?.split("</form>").next()?;
    let action = attribute(form.split('>').next()?, "action").unwrap_or_default();
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    let mut is_pressed = false;
    for tag in form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let tag = tag.split('>').next().unwrap_or_default();
        let kind = attribute(tag, "type").unwrap_or_default();
        let is_button = tag.starts_with("button") || kind == "submit";
        if (is_button && is_pressed) || (kind == "radio" && !tag.contains("checked")) {
            continue;
        }
        is_pressed |= is_button;
        if let Some(name) = attribute(tag, "name") {
            let suggested = attribute(tag, "value").unwrap_or_default();
            let typed = match name.as_str() {
                "password" => simulator::PASSWORD.to_owned(),
                "username" if suggested.is_empty() => simulator::USERNAME.to_owned(),
                _ => suggested,
            };
            fields.append_pair(&name, &typed);
        }
    }
    Some((action, fields.finish()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
