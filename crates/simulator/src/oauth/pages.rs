//! The pages a person sees: login, consent, errors. Plain HTML, no scripts, usable with a keyboard.

use super::PASSWORD;

const STYLE: &str = "body{margin:0;font:16px/1.5 system-ui,sans-serif;background:#f3f3f3;color:#181818}\
main{max-width:26rem;margin:8vh auto;background:#fff;padding:2rem;border-radius:.5rem;box-shadow:0 2px 8px #0002}\
h1{font-size:1.35rem;margin:0 0 1rem}label{display:block;margin:1rem 0 .25rem;font-weight:600}\
input{box-sizing:border-box;width:100%;padding:.6rem;font:inherit;border:1px solid #747474;border-radius:.25rem}\
button{font:inherit;font-weight:600;padding:.6rem 1.4rem;margin:1.25rem .5rem 0 0;border-radius:.25rem;\
border:1px solid #0b5cab;background:#0b5cab;color:#fff;cursor:pointer}\
button.quiet{background:#fff;color:#0b5cab}:focus-visible{outline:3px solid #fe9339;outline-offset:2px}\
.note{color:#444;font-size:.9rem}.error{color:#8e030f;font-weight:600}code{background:#eee;padding:0 .25rem}";

/// Whose pages they are, and where their forms go.
pub(crate) struct Site {
    /// The product, as people know it.
    pub(crate) product: &'static str,
    /// Path of the login form.
    pub(crate) login: &'static str,
    /// Path of the consent form.
    pub(crate) consent: &'static str,
}

/// Escapes text for HTML content and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn page(title: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} | Simulator</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{main}</main></body></html>\n",
        title = escape(title),
    )
}

/// List items, each made of one name.
fn items(names: &[String], text: impl Fn(&str) -> String) -> String {
    names
        .iter()
        .fold(String::new(), |list, name| list + "<li>" + &text(name) + "</li>")
}

/// The login form.
pub(crate) fn login(
    site: &Site,
    transaction: &str,
    username: &str,
    error: Option<&str>,
    known: &[String],
) -> String {
    let error = error.map_or_else(String::new, |text| {
        format!("<p class=\"error\" role=\"alert\">{}</p>", escape(text))
    });
    let known = items(known, |name| format!("<code>{}</code>", escape(name)));
    page(
        "Log in",
        &format!(
            "{error}<form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"transaction\" value=\"{}\">\
             <label for=\"username\">Username</label>\
             <input id=\"username\" name=\"username\" autocomplete=\"username\" required value=\"{}\">\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
             <button type=\"submit\">Log in</button></form>\
             <p class=\"note\">This is a simulated {}. Every user's password is \
             <code>{PASSWORD}</code>. Some users:</p><ul class=\"note\">{known}</ul>",
            site.login,
            escape(transaction),
            escape(username),
            site.product,
        ),
    )
}

/// The consent form.
pub(crate) fn consent(
    site: &Site,
    transaction: &str,
    username: &str,
    client_id: &str,
    scope: &[String],
) -> String {
    let wishes = items(scope, |name| {
        format!("{} (<code>{}</code>)", meaning(name), escape(name))
    });
    page(
        "Allow access?",
        &format!(
            "<p>The app <code>{}</code> is asking to:</p><ul>{wishes}</ul>\
             <p class=\"note\">Logged in as {}.</p>\
             <form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"transaction\" value=\"{}\">\
             <button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\
             <button type=\"submit\" name=\"decision\" value=\"deny\" class=\"quiet\">Deny</button></form>",
            escape(client_id),
            escape(username),
            site.consent,
            escape(transaction),
        ),
    )
}

fn meaning(scope: &str) -> &'static str {
    match scope {
        "api" => "Manage user data via APIs",
        "refresh_token" | "offline_access" => "Perform requests at any time",
        "web" => "Manage user data via Web browsers",
        "full" => "Full access",
        "id" | "profile" | "email" | "address" | "phone" => "Access the identity URL service",
        "openid" => "Access unique user identifiers",
        "chatter_api" => "Access Connect REST API resources",
        "cdp_api" => "Access all Data 360 API resources",
        "custom_permissions" => "Access custom permissions",
        "oauth" => "Know which account it is connected to",
        other => match other.rsplit_once('.') {
            Some((_, "read")) => "Read records or their definitions",
            Some((_, "write")) => "Change records or their definitions",
            _ => "Use this scope",
        },
    }
}

/// An error that is never sent to the callback.
pub(crate) fn failure(error: &str, description: &str) -> String {
    page(
        "We can't authorize you because of an OAuth error",
        &format!(
            "<p class=\"error\" role=\"alert\"><code>{}</code>: {}</p>",
            escape(error),
            escape(description)
        ),
    )
}

/// The page where the browser stays when the app is not installed.
pub(crate) fn dead_end(error: &str, description: &str) -> String {
    page(
        "OAuth error",
        &format!(
            "<p class=\"error\" role=\"alert\">OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occured \
             during authentication. Please try again.</p><p class=\"note\">{}: {}</p>",
            escape(error),
            escape(description)
        ),
    )
}
