use http::StatusCode;
use http_body_util::BodyExt;

use super::endings::Ending;
use super::{Page, escape};

const HOSTILE: &str = "<script>alert('x')</script>\" onload=\"y&";

async fn html(page: Page) -> (http::HeaderMap, String) {
    let response = page.response("https://gateway.example");
    let headers = response.headers().clone();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (headers, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn pages_load_nothing_and_stand_in_no_frame() {
    let (headers, html) = html(Ending::LinkOver.page(None)).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(
        policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(policy.contains("form-action 'self' https:;"), "{policy}");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    for loads in ["<script", "src=", "<link", "@import", "url("] {
        assert!(!html.contains(loads), "{loads}");
    }
    assert!(html.contains("lang=\"en\"") && html.contains("name=\"viewport\"") && html.contains("<h1>"));
}

#[tokio::test]
async fn the_style_in_the_page_is_the_one_the_policy_allows() {
    use base64::Engine;
    use sha2::Digest;

    let (headers, html) = html(Ending::LinkOver.page(None)).await;
    let style = html
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains(&hash)
    );
}

#[tokio::test]
async fn what_others_wrote_cannot_become_markup() {
    let provider = HOSTILE.to_owned();
    let endings = [
        Ending::Connected {
            provider: provider.clone(),
            mapping_link: Some(HOSTILE.to_owned()),
        },
        Ending::Mapped {
            tenant: HOSTILE.to_owned(),
        },
        Ending::Reconnect {
            provider: provider.clone(),
        },
        Ending::NoFields {
            provider: provider.clone(),
            status: StatusCode::BAD_GATEWAY,
        },
        Ending::NotThisJourney,
        Ending::Denied {
            provider: provider.clone(),
        },
        Ending::Explained {
            provider: provider.clone(),
            explanation: HOSTILE.to_owned(),
            error: HOSTILE.to_owned(),
        },
        Ending::OtherAccount {
            provider: provider.clone(),
        },
        Ending::Failed {
            provider,
            status: StatusCode::BAD_GATEWAY,
        },
    ];
    for ending in endings {
        let (_, html) = html(ending.page(Some(HOSTILE))).await;
        assert!(!html.contains("<script"), "{ending:?}");
        assert!(!html.contains("\" onload=\""), "{ending:?}");
        let (_, html) = self::html(ending.page_with_another_way(None, HOSTILE)).await;
        assert!(
            !html.contains("<script") && !html.contains("\" onload=\""),
            "{ending:?}"
        );
    }
    assert_eq!(escape("<>&\"' é"), "&lt;&gt;&amp;&quot;&#39; é");
}

#[test]
fn a_demo_without_tls_may_leave_for_plain_http() {
    let policy = |public_url: &str| {
        super::security_headers(public_url)
            .into_iter()
            .find(|(name, _)| name == "content-security-policy")
            .map(|(_, value)| value.to_str().unwrap().to_owned())
            .unwrap()
    };
    assert!(policy("http://127.0.0.1:8080").contains("https: http:;"));
    assert!(!policy("https://gateway.example").contains("http:;"));
}
