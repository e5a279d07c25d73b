//! The OpenAPI document as a page.

use std::fmt::Write;

use serde_json::Value;

use super::escape;

/// Writing to a `String` does not fail, so results of `write!` are dropped in this file.
const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// HTML of the page's main part.
pub(crate) fn main_html(document: &Value) -> String {
    let mut html = String::new();
    let info = &document["info"];
    let _ = write!(
        html,
        "<h1>{} API <span class=\"note\">{}</span></h1>\n<p>{}</p>\n\
         <p>Machine-readable: <a href=\"openapi.json\"><code>openapi.json</code></a>. Errors: <a href=\"#errors\">the list of codes</a>.</p>\n",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"]),
    );
    for tag in list(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(
            html,
            "<h2>{}</h2>\n<p>{}</p>\n",
            escape(name),
            text(&tag["description"])
        );
        operations(&mut html, document, name);
    }
    errors(&mut html, document);
    html
}

fn operations(html: &mut String, document: &Value, tag: &str) {
    let Some(paths) = document["paths"].as_object() else {
        return;
    };
    for (path, methods) in paths {
        for method in METHODS {
            let operation = &methods[method];
            let is_tagged = list(&operation["tags"]).iter().any(|found| found == tag);
            // Resources that ship are listed by their template: they differ in their schema only.
            let is_repetition = operation["x-repeats"].is_string();
            if is_tagged && !is_repetition {
                one(html, document, path, method, operation);
            }
        }
    }
}

fn one(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        html,
        "<h3 id=\"{}\"><code>{} {}</code></h3>\n<p>{}. {}</p>\n",
        text(&operation["operationId"]),
        method.to_ascii_uppercase(),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    );
    let parameters = list(&operation["parameters"]);
    if parameters.is_empty() {
        return;
    }
    html.push_str("<div class=\"scroll\"><table>\n<thead><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr></thead>\n<tbody>\n");
    for parameter in parameters {
        let parameter = match parameter["$ref"].as_str() {
            Some(reference) => document
                .pointer(reference.trim_start_matches('#'))
                .unwrap_or(parameter),
            None => parameter,
        };
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            text(&parameter["description"]),
        );
    }
    html.push_str("</tbody></table></div>\n");
}

fn errors(html: &mut String, document: &Value) {
    html.push_str(
        "<h2 id=\"errors\">Errors</h2>\n<p>Every error has a <code>code</code> from this list. A provider's status passes through \
         unchanged; the status here is what the code has otherwise.</p>\n<div class=\"scroll\"><table>\n\
         <thead><tr><th>Code</th><th>Status</th><th>Retry?</th><th>Meaning and remedy</th></tr></thead>\n<tbody>\n",
    );
    for code in list(&document["x-error-codes"]) {
        let _ = writeln!(
            html,
            "<tr id=\"{name}\"><td><code>{name}</code></td><td>{}</td><td>{}</td><td><strong>{}.</strong> {}</td></tr>",
            code["status"],
            if code["retryable"] == true { "yes" } else { "no" },
            text(&code["title"]),
            text(&code["remedy"]),
            name = text(&code["code"]),
        );
    }
    html.push_str("</tbody></table></div>\n");
}

/// Escaped text, with `…` between backticks set as code.
fn text(value: &Value) -> String {
    let escaped = escape(value.as_str().unwrap_or_default());
    let mut html = String::with_capacity(escaped.len());
    for (index, piece) in escaped.split('`').enumerate() {
        if index % 2 == 1 {
            let _ = write!(html, "<code>{piece}</code>");
        } else {
            html.push_str(piece);
        }
    }
    html
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
