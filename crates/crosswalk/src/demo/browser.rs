//! A person with a browser, as far as the demo needs one: follows redirects, keeps cookies, fills in forms.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::Request;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use url::Url;

use crate::client::Http;

/// More pages than any connect flow has.
const STEPS_MAX: usize = 20;
/// Longest wait for a page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a connect link and goes through every page until the flow ends.
pub(crate) async fn connect(link: &str) -> anyhow::Result<()> {
    let mut cookies: HashMap<String, HashMap<String, String>> = HashMap::new();
    let mut url = Url::parse(link)?;
    let mut form: Option<String> = None;
    let http = Http::plain();
    for _ in 0..STEPS_MAX {
        let origin = url.origin().ascii_serialization();
        let jar = cookies.entry(origin.clone()).or_default();
        let cookie = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ");
        let mut request = Request::get(url.as_str());
        if !cookie.is_empty() {
            request = request.header(COOKIE, cookie);
        }
        if form.is_some() {
            request = request
                .method("POST")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(ORIGIN, origin);
        }
        let request = request.body(form.take().unwrap_or_default().into())?;
        let reply = http.send(request, PAGE_TIMEOUT).await?;
        for value in reply.headers.get_all(SET_COOKIE) {
            let value = value.to_str()?;
            if let Some((name, rest)) = value.split_once('=') {
                jar.insert(
                    name.to_owned(),
                    rest.split(';').next().unwrap_or_default().to_owned(),
                );
            }
        }
        match reply.status.as_u16() {
            301..=308 => {
                let location = reply.headers.get(LOCATION);
                url = url.join(location.context("a redirect without a location")?.to_str()?)?;
            }
            200 => match next_form(&reply.body) {
                Some((action, fields)) => {
                    url = url.join(&action)?;
                    form = Some(fields);
                }
                // A page without a form is the last one.
                None => return Ok(()),
            },
            status => bail!("{} answered {status}: {}", url.path(), reply.body),
        }
    }
    bail!("the flow did not end after {STEPS_MAX} pages")
}

/// The page's first form: where it goes, and its fields, encoded, as a person who agrees fills them in.
fn next_form(page: &str) -> Option<(String, String)> {
    let start = page.find("<form")?;
    let end = start + page.get(start..)?.find("</form>")?;
    let form = page.get(start..end)?;
    let action = attribute(form.split('>').next()?, "action").unwrap_or_default();
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    let mut is_pressed = false;
    for tag in form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let tag = tag.split('>').next().unwrap_or_default();
        let is_button = tag.starts_with("button") || attribute(tag, "type").as_deref() == Some("submit");
        let is_chosen = attribute(tag, "type").as_deref() != Some("radio") || tag.contains("checked");
        if let Some(name) = attribute(tag, "name")
            && is_chosen
            // One press of one button, the first: the page that asks for consent puts it there.
            && !(is_button && is_pressed)
        {
            fields.append_pair(&name, &typed(tag, &name));
        }
        is_pressed |= is_button;
    }
    Some((action, fields.finish()))
}

/// What the person types: the simulated org's credentials where they are asked for, else what the page suggests.
fn typed(tag: &str, name: &str) -> String {
    let suggested = attribute(tag, "value").unwrap_or_default();
    match name {
        "password" => simulator::PASSWORD.to_owned(),
        "username" if suggested.is_empty() => simulator::USERNAME.to_owned(),
        _ => suggested,
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag.get(start..)?.split('"').next()?;
    let plain = value
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    Some(plain.replace("&amp;", "&"))
}
