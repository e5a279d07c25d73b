//! Answers made to hurt: they must really be what they claim.

use serde_json::json;

use crate::support::{Api, Reply, start};

async fn struck(api: &Api, shape: &str, bytes: u64) -> Option<Reply> {
    let fault = json!({"kind": "hostile", "shape": shape, "bytes": bytes, "times": 1});
    api.control("faults", fault).await;
    let bearer = api.bearer();
    let headers = [("authorization", bearer.as_str())];
    api.try_send("GET", "/services/data/v60.0/limits", &headers, "")
        .await
}

#[tokio::test]
async fn a_gzip_bomb_is_small_and_unzips_to_valid_json() {
    let api = start().await;
    let size = 64 << 20;
    let reply = struck(&api, "gzip_bomb", size).await.unwrap();
    assert_eq!(reply.header("content-encoding"), "gzip");
    assert!(reply.body.len() < 100_000, "{}", reply.body.len());
    let mut text = Vec::new();
    // The decoder checks length and checksum.
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&reply.body[..]), &mut text).unwrap();
    assert_eq!(text.len() as u64, size + 2);
    assert_eq!((text[0], text[1], text[text.len() - 1]), (b'"', b'a', b'"'));
}

#[tokio::test]
async fn the_other_shapes_are_what_they_say() {
    let api = start().await;
    let deep = struck(&api, "deep_json", 2_000_000).await.unwrap();
    assert_eq!(deep.body.len(), 2_000_000);
    assert!(deep.body.starts_with(b"[[[["));
    let huge = struck(&api, "huge", 5_000_001).await.unwrap();
    assert_eq!(huge.body.len(), 5_000_001);
    assert_eq!(huge.json().as_str().unwrap().len(), 4_999_999);
    assert!(struck(&api, "truncated", 0).await.is_none(), "breaks off");
    let bad = struck(&api, "bad_gzip", 0).await.unwrap();
    assert_eq!(
        (bad.header("content-encoding"), bad.text().as_str()),
        ("gzip", "this is not gzip")
    );
    let html = struck(&api, "wrong_content_type", 0).await.unwrap();
    assert_eq!(html.header("content-type"), "text/html");
    let not = struck(&api, "not_json", 0).await.unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&not.body).is_err());
    assert!(struck(&api, "empty", 0).await.unwrap().body.is_empty());
    assert_eq!(api.get("/limits").await.status, 200, "and then all is well");
}
