//! The headers every answer of the data API carries, as recorded.

use super::conditional::http_date;
use super::state::Simulator;
use crate::hubspot::errors;

/// One year, as the recorded cookies say.
const COOKIE_LIFE_MS: i64 = 365 * 24 * 3_600_000;

/// Headers of an answer; `data` = a versioned data path, which alone tells the API usage.
pub(crate) fn recorded(simulator: &Simulator, data: bool) -> Vec<(&'static str, String)> {
    let now_ms = simulator.clock.now_ms();
    let request_id = simulator.random.hex();
    let expires = http_date(now_ms.saturating_add(COOKIE_LIFE_MS));
    let browser = simulator.random.text(22);
    let mut headers = vec![
        ("Date", http_date(now_ms)),
        ("Server", "sfdcedge".to_owned()),
        ("Vary", "Accept-Encoding".to_owned()),
        ("X-Request-Id", request_id.clone()),
        ("x-sfdc-request-id", request_id),
        ("X-Robots-Tag", "none".to_owned()),
        ("x-sfdc-edge-cache", "none".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        (
            "Set-Cookie",
            format!("CookieConsentPolicy=0:1; path=/; expires={expires}; Max-Age=31536000"),
        ),
        (
            "Set-Cookie",
            format!("LSKey-c$CookieConsentPolicy=0:1; path=/; expires={expires}; Max-Age=31536000"),
        ),
        (
            "Set-Cookie",
            format!("BrowserId={browser}; path=/; expires={expires}; Max-Age=31536000"),
        ),
    ];
    if data {
        headers.push((
            "Cache-Control",
            "no-cache,must-revalidate,max-age=0,no-store,private".to_owned(),
        ));
        headers.push(("Sforce-Limit-Info", super::limits::limit_info(simulator)));
    }
    headers
}

/// Headers of every answer of the HubSpot portal, as its edge sends them.
pub(crate) fn of_portal(simulator: &Simulator) -> Vec<(&'static str, String)> {
    vec![
        ("Date", http_date(simulator.clock.now_ms())),
        ("Server", "cloudflare".to_owned()),
        ("Vary", "origin, Accept-Encoding".to_owned()),
        ("Access-Control-Allow-Credentials", "false".to_owned()),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        (
            "x-hubspot-correlation-id",
            errors::correlation_id(&simulator.random),
        ),
    ]
}
