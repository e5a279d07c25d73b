//! A gateway as an operator starts it, with a tenant whose customer connected the stub upstream.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::processes::{Process, free_port};

/// Longer than any real key and good for one run.
const OPERATOR_KEY: &str = "bench-operator-key-0123456789abcdef0123456789abcdef";
/// 32 bytes as base64.
const MASTER_KEY: &str = "YmVuY2gtbWFzdGVyLWtleS0wMTIzNDU2Nzg5YWJjZGU=";
/// More pages than any connect flow has.
const PAGES_MAX: usize = 20;

/// Where the gateway keeps what it remembers.
#[derive(Debug, Default)]
pub(crate) struct Databases<'a> {
    /// SQLite in the run's own folder when there is none.
    pub(crate) postgres_url: Option<&'a str>,
    pub(crate) redis_url: Option<&'a str>,
}

/// A running gateway and the right to use it.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) base_url: String,
    pub(crate) authorization: String,
    pub(crate) connection_id: String,
}

impl Gateway {
    pub(crate) async fn start(
        program: &str,
        folder: &Path,
        provider: &str,
        upstream: &str,
        databases: &Databases<'_>,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let of_provider = |key: &str| format!("CROSSWALK_PROVIDERS_{}_{key}", provider.to_uppercase());
        let mut command = Command::new(program);
        // Nothing of this shell's: the gateway refuses variables it does not know.
        command.arg("serve").env_clear();
        command.env("CROSSWALK_SERVER_BIND", format!("127.0.0.1:{port}"));
        command.env("CROSSWALK_STORE_DATA_DIR", folder.join("data"));
        command.env("CROSSWALK_KEYS_OPERATOR_KEY", OPERATOR_KEY);
        command.env(
            "CROSSWALK_KEYS_MASTER_KEYS",
            format!("[{{ id = \"bench\", key = \"{MASTER_KEY}\" }}]"),
        );
        command.env("CROSSWALK_EGRESS_ALLOW", format!("[\"{upstream}\"]"));
        command.env(of_provider("CLIENT_ID"), "bench-client");
        command.env(of_provider("CLIENT_SECRET"), "bench-secret");
        command.env(of_provider("LOGIN_URLS_PRODUCTION"), upstream);
        for (key, url) in [
            ("DATABASE_URL", databases.postgres_url),
            ("REDIS_URL", databases.redis_url),
        ] {
            if let Some(url) = url {
                command.env(format!("CROSSWALK_STORE_{key}"), url);
            }
        }
        std::fs::create_dir_all(folder.join("data"))?;
        let process =
            Process::start("crosswalk serve", &mut command, port, &folder.join("gateway.log")).await?;
        let base_url = format!("http://127.0.0.1:{port}");
        let (authorization, connection_id) = connect(&base_url, provider).await?;
        Ok(Self {
            process,
            base_url,
            authorization,
            connection_id,
        })
    }
}

/// Makes a tenant and a key, connects the upstream through the real flow; gives the tenant's authorization and the
/// connection's id.
async fn connect(gateway: &str, provider: &str) -> anyhow::Result<(String, String)> {
    let operator = format!("Bearer {OPERATOR_KEY}");
    let tenant = post(
        &format!("{gateway}/admin/tenants"),
        &operator,
        &json!({ "name": "Bench" }),
    )
    .await?;
    let wanted = json!({ "tenant_id": tenant["id"], "name": "bench" });
    let key = post(&format!("{gateway}/admin/keys"), &operator, &wanted).await?;
    let bearer = format!(
        "Bearer {}",
        key["key"].as_str().with_context(|| format!("no key in {key}"))?
    );
    let id = add_customer(gateway, provider, &bearer, "bench").await?;
    Ok((bearer, id))
}

/// Connects one more customer through the real flow; gives the connection's id.
pub(crate) async fn add_customer(
    gateway: &str,
    provider: &str,
    bearer: &str,
    external_id: &str,
) -> anyhow::Result<String> {
    let wanted = json!({ "provider": provider, "environment": "production", "external_id": external_id });
    let session = post(&format!("{gateway}/connect/sessions"), bearer, &wanted).await?;
    let link = session["url"].as_str();
    browse(link.with_context(|| format!("no url in {session}"))?)
        .await
        .context("the connect flow")?;
    let found = format!("{gateway}/connections?external_id={external_id}");
    let reply = call(Method::GET, &found, &[("authorization", bearer)], String::new()).await?;
    let connections: Value = serde_json::from_slice(&reply.body)?;
    let id = connections["result"][0]["id"].as_str();
    Ok(id
        .with_context(|| format!("no connection in {connections}"))?
        .to_owned())
}

async fn post(url: &str, authorization: &str, body: &Value) -> anyhow::Result<Value> {
    let headers = [
        ("authorization", authorization),
        ("content-type", "application/json"),
    ];
    let reply = call(Method::POST, url, &headers, body.to_string()).await?;
    ensure!(
        reply.status.is_success(),
        "{url} answered {}: {}",
        reply.status,
        reply.text()
    );
    Ok(serde_json::from_slice(&reply.body)?)
}

/// A person who agrees to everything: follows redirects, keeps cookies, sends each page's form as it stands.
async fn browse(link: &str) -> anyhow::Result<()> {
    let mut url = link.to_owned();
    let mut form: Option<String> = None;
    // Only the gateway sets cookies here, so one jar will do.
    let mut cookies: Vec<String> = Vec::new();
    for _ in 0..PAGES_MAX {
        let origin = origin(&url)?;
        let cookie = cookies.join("; ");
        let mut headers = vec![("cookie", cookie.as_str())];
        if form.is_some() {
            headers.extend([
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", origin.as_str()),
            ]);
        }
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let reply = call(method, &url, &headers, form.take().unwrap_or_default()).await?;
        for set in reply.headers.get_all(header::SET_COOKIE) {
            cookies.push(set.to_str()?.split(';').next().unwrap_or_default().to_owned());
        }
        if reply.status.is_redirection() {
            let location = reply
                .headers
                .get(header::LOCATION)
                .context("a redirect without a location")?
                .to_str()?;
            url = absolute(location, &url)?;
        } else if !reply.status.is_success() {
            bail!("{url} answered {}: {}", reply.status, reply.text());
        } else if let Some((action, fields)) = first_form(&reply.text()) {
            url = absolute(&action, &url)?;
            form = Some(fields);
        } else {
            return Ok(());
        }
    }
    bail!("the flow did not end after {PAGES_MAX} pages")
}

fn origin(url: &str) -> anyhow::Result<String> {
    let authority: Uri = url.parse()?;
    Ok(format!(
        "http://{}",
        authority
            .authority()
            .with_context(|| format!("no host in {url}"))?
    ))
}

fn absolute(location: &str, base: &str) -> anyhow::Result<String> {
    if location.starts_with("http://") {
        return Ok(location.to_owned());
    }
    if location.is_empty() {
        return Ok(base.to_owned());
    }
    ensure!(
        location.starts_with('/'),
        "{location}: neither a path nor a plain URL"
    );
    Ok(format!("{}{location}", origin(base)?))
}

/// The action and the encoded fields of a page's first form, with its first button pressed.
fn first_form(page: &str) -> Option<(String, String)> {
    let (_, rest) = page.split_once("<form")?;
    let (form, _) = rest.split_once("</form>")?;
    let (head, _) = form.split_once('>')?;
    let mut fields = Vec::new();
    let mut is_pressed = false;
    for tag in form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let tag = tag.split('>').next().unwrap_or_default();
        let is_button = tag.starts_with("button") || attribute(tag, "type").as_deref() == Some("submit");
        let is_left_out = attribute(tag, "type").as_deref() == Some("radio") && !tag.contains("checked");
        if let Some(name) = attribute(tag, "name")
            && !is_left_out
            && !(is_button && is_pressed)
        {
            let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            fields.push(format!(
                "{}={}",
                encoded(&name),
                encoded(&attribute(tag, "value").unwrap_or_default())
            ));
        }
        is_pressed |= is_button;
    }
    Some((attribute(head, "action").unwrap_or_default(), fields.join("&")))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own.
pub(crate) async fn call(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> anyhow::Result<Reply> {
    let uri: Uri = url.parse().with_context(|| format!("not a URL: {url}"))?;
    let authority = uri.authority().with_context(|| format!("no host in {url}"))?;
    let stream = TcpStream::connect(authority.as_str())
        .await
        .with_context(|| format!("cannot connect to {authority}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are told to the sender too.
    tokio::spawn(async move { connection.await.ok() });
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, authority.as_str());
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let response = sender
        .send_request(request.body(Full::new(Bytes::from(body)))?)
        .await?;
    let (head, body) = response.into_parts();
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: body.collect().await?.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::{absolute, first_form};

    #[test]
    fn a_form_is_sent_as_it_stands() {
        let page = r#"<p>Hello</p><form method="post" action="/connect/x?a=1&amp;b=2"><input type="hidden" name="csrf"
            value="a&amp;b"><input type="radio" name="e" value="1"><input type="radio" name="e" value="2" checked>
            <button name="go" value="yes">Go</button><button name="go" value="no">No</button></form>"#;
        let (action, fields) = first_form(page).unwrap();
        assert_eq!(action, "/connect/x?a=1&b=2");
        assert_eq!(fields, "csrf=a%26b&e=2&go=yes");
        assert!(first_form("<p>All done</p>").is_none());
    }

    #[test]
    fn locations_are_followed_from_where_they_stand() {
        assert_eq!(
            absolute("/b?c", "http://127.0.0.1:1/a").unwrap(),
            "http://127.0.0.1:1/b?c"
        );
        assert_eq!(
            absolute("http://localhost:2/x", "http://127.0.0.1:1/a").unwrap(),
            "http://localhost:2/x"
        );
        assert!(absolute("https://example.com/", "http://127.0.0.1:1/a").is_err());
    }
}
