//! API keys and the audit log, as an operator and a tenant see them.

use serde_json::{Value, json};

use crate::support::{Backend, Plan, Reply, World, both};

async fn operator(world: &World, method: &str, path: &str, body: Option<&Value>) -> Reply {
    let headers = [("authorization", format!("Bearer {}", world.operator_key))];
    world.client.send(method, &world.url(path), &headers, body).await
}

async fn status_with(world: &World, node: usize, key: &str, method: &str, path: &str) -> u16 {
    let headers = [("authorization", format!("Bearer {key}"))];
    let url = format!("{}{path}", world.gateways[node].url);
    world.client.send(method, &url, &headers, None).await.status
}

async fn new_key(world: &World, tenant: &str, more: Value) -> (String, String) {
    let mut body = json!({ "tenant_id": tenant, "name": "backend" });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let made = operator(world, "POST", "/admin/keys", Some(&body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("id"), text("key"))
}

async fn new_tenant(world: &World) -> String {
    let tenant = operator(world, "POST", "/admin/tenants", Some(&json!({ "name": "Keys" }))).await;
    tenant.json()["id"].as_str().expect("an id").to_owned()
}

both!(a_key_is_limited_rotated_and_ended);
async fn a_key_is_limited_rotated_and_ended(backend: Backend) {
    let world = World::small(backend).await;
    let tenant = new_tenant(&world).await;
    let (id, old) = new_key(&world, &tenant, json!({ "scopes": ["read"], "test": true })).await;
    assert!(old.starts_with("cw_test_"), "the environment stands in the key");
    assert_eq!(status_with(&world, 0, &old, "GET", "/connections").await, 200);
    assert_eq!(
        status_with(&world, 0, &old, "DELETE", "/connections/con_x").await,
        403
    );

    let path = format!("/admin/keys/{id}/rotate?tenant_id={tenant}");
    let refused = operator(&world, "POST", &path, Some(&json!({ "grace_s": 2_592_001 }))).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(refused.json()["fields"][0], "grace_s");
    let rotated = operator(&world, "POST", &path, Some(&json!({ "grace_s": 3_600 }))).await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    let rotated = rotated.json();
    assert_eq!(rotated["scopes"], json!(["read"]));
    let new = rotated["key"].as_str().expect("a key").to_owned();
    assert!(new.starts_with("cw_test_") && new != old);
    for key in [&old, &new] {
        assert_eq!(status_with(&world, 0, key, "GET", "/connections").await, 200);
    }
    // Somebody has seen it: its hour ends now.
    let now = operator(&world, "POST", &path, Some(&json!({ "grace_s": 0 }))).await;
    assert_eq!(now.status, 201, "{now:?}");
    assert_eq!(status_with(&world, 0, &old, "GET", "/connections").await, 401);
    assert_eq!(status_with(&world, 0, &new, "GET", "/connections").await, 200);
    let again = operator(&world, "POST", &path, Some(&json!({}))).await;
    assert_eq!(again.status, 409, "an expired key has no successor: {again:?}");

    // At once.
    let own = rotated["id"].as_str().expect("an id");
    let path = format!("/admin/keys/{own}/rotate?tenant_id={tenant}");
    let last = operator(&world, "POST", &path, Some(&json!({ "grace_s": 0 })))
        .await
        .json();
    assert_eq!(status_with(&world, 0, &new, "GET", "/connections").await, 401);
    let last = last["key"].as_str().expect("a key");
    assert_eq!(status_with(&world, 0, last, "GET", "/connections").await, 200);
}

async fn wait_for_status(world: &World, node: usize, key: &str, wanted: u16) {
    for _ in 0..500 {
        if status_with(world, node, key, "GET", "/connections").await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never {wanted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claim_31_a_revoked_key_is_refused_by_every_node() {
    if crate::support::postgres_url().is_none() {
        return eprintln!("skipped: set CROSSWALK_TEST_POSTGRES_URL, as ./test does");
    }
    let world = World::build(Plan::new(Backend::Postgres).nodes(3)).await;
    let tenant = new_tenant(&world).await;
    let (id, key) = new_key(&world, &tenant, json!({})).await;
    for node in 0..3 {
        assert_eq!(status_with(&world, node, &key, "GET", "/connections").await, 200);
    }
    let path = format!("/admin/keys/{id}?tenant_id={tenant}");
    let revoked = std::time::Instant::now();
    assert_eq!(operator(&world, "DELETE", &path, None).await.status, 204);
    for node in 0..3 {
        wait_for_status(&world, node, &key, 401).await;
    }
    // Milliseconds where nodes hear of each other through Redis; the promise is 5 s.
    let took = revoked.elapsed();
    assert!(took.as_secs() < 5, "{took:?}");
}

both!(every_change_is_in_the_audit_log);
async fn every_change_is_in_the_audit_log(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let other = new_tenant(&world).await;
    let (_, others_key) = new_key(&world, &other, json!({})).await;
    let path = format!("/connections/{}", caller.connection_id);
    assert_eq!(caller.send("DELETE", &path, None).await.status, 204);
    // Refused, and no less worth knowing.
    assert_eq!(caller.send("DELETE", &path, None).await.status, 404);
    // Reading is not changing, and who has no key has no name.
    caller.get("/connections").await;
    assert_eq!(status_with(&world, 0, "cw_live_no", "DELETE", &path).await, 401);

    let log = caller.get("/audit?limit=3").await.json();
    let entries = log["result"].as_array().expect("a list");
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().expect("an action"),
                entry["status"].as_i64().expect("a status"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("delete_connection", 404),
            ("delete_connection", 204),
            ("create_connect_session", 201)
        ]
    );
    assert_eq!(entries[0]["path"], path);
    let actor = entries[0]["actor"].as_str().expect("an actor");
    assert!(actor.starts_with("key_"), "{actor}");
    assert!(
        entries[0]["request_id"]
            .as_str()
            .expect("an id")
            .starts_with("req_")
    );
    // The operator's part of the tenant's matters is on the next page; it ends there.
    let cursor = log["next_cursor"].as_str().expect("more");
    let rest = caller.get(&format!("/audit?cursor={cursor}")).await.json();
    let actions: Vec<_> = rest["result"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["create_key", "create_tenant"], "{rest}");
    assert_eq!(rest["result"][0]["actor"], "operator");
    assert!(
        rest["result"][0]["subject"]
            .as_str()
            .expect("a subject")
            .starts_with("key_")
    );
    assert!(rest["next_cursor"].is_null());

    // Another tenant sees its own only, the operator everything, and nobody a key.
    let headers = [("authorization", format!("Bearer {others_key}"))];
    let theirs = world.client.get(&world.url("/audit"), &headers).await;
    assert!(!theirs.text().contains(&caller.connection_id), "{theirs:?}");
    let all = operator(&world, "GET", "/admin/audit", None).await;
    assert!(all.text().contains(&caller.connection_id) && all.text().contains(&other));
    let one = operator(&world, "GET", &format!("/admin/audit?tenant_id={other}"), None)
        .await
        .json();
    assert_eq!(one["result_count"], 2, "{one}");
    assert!(!all.text().contains(&caller.tenant.key) && !all.text().contains(&others_key));
}
