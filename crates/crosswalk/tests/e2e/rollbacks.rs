//! Overrides rolled back to an earlier version: a new version, checked as any other, in effect on every node.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Backend, Caller, Plan, Reply, World, both};

const TENANT: &str = "/mappings/salesforce/contacts";

fn document(mark: &str) -> String {
    format!("response_mapping: 'response.{{ \"mark\": \"{mark}\" }}'\n")
}

async fn put(caller: &Caller<'_>, path: &str, document: &str) -> Reply {
    let url = caller.world.url(path);
    let client = &caller.world.client;
    client
        .send_text("PUT", &url, &caller.headers(), "application/yaml", document)
        .await
}

async fn roll_back(caller: &Caller<'_>, path: &str, version: impl Into<Value>) -> Reply {
    let body = json!({ "version": version.into() });
    caller
        .send("POST", &format!("{path}/rollback"), Some(&body))
        .await
}

async fn history(caller: &Caller<'_>, path: &str) -> Vec<(i64, Option<String>)> {
    let listed = caller.get(&format!("{path}/history")).await.json();
    let versions = listed["result"].as_array().expect("versions").iter();
    versions
        .map(|one| {
            let document = one["document"].as_str().map(str::to_owned);
            (one["version"].as_i64().expect("a number"), document)
        })
        .collect()
}

async fn mark(caller: &Caller<'_>) -> Value {
    caller.contacts("limit=1").await["result"][0]["mark"].clone()
}

both!(a_rollback_is_a_new_version_of_an_old_document);
async fn a_rollback_is_a_new_version_of_an_old_document(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let own = format!("/connections/{}/mappings/contacts", caller.connection_id);
    for path in [TENANT, own.as_str()] {
        for name in ["first", "second"] {
            assert_eq!(put(&caller, path, &document(name)).await.status, 200);
        }
        assert_eq!(mark(&caller).await, "second");
        let reply = roll_back(&caller, path, 1).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["version"], 3);
        assert_eq!(reply.json()["document"], document("first"));
        assert_eq!(mark(&caller).await, "first", "at once");

        assert_eq!(caller.send("DELETE", path, None).await.status, 204);
        let deletion = roll_back(&caller, path, 4).await;
        assert_eq!((deletion.status, deletion.code().as_str()), (400, "invalid_body"));
        assert_eq!(deletion.json()["fields"], json!(["version"]));
        assert_eq!(mark(&caller).await, Value::Null);
        let revived = roll_back(&caller, path, 2).await;
        assert_eq!((revived.status, &revived.json()["version"]), (200, &json!(5)));
        assert_eq!(mark(&caller).await, "second");
        let (first, second) = (Some(document("first")), Some(document("second")));
        let expected = [
            (5, second.clone()),
            (4, None),
            (3, first.clone()),
            (2, second),
            (1, first),
        ];
        assert_eq!(history(&caller, path).await, expected);

        for (version, status) in [
            (json!(6), 404),
            (json!(0), 404),
            (json!(-1), 404),
            (json!("1"), 400),
            (json!(1.5), 400),
            (json!(null), 400),
        ] {
            let reply = roll_back(&caller, path, version.clone()).await;
            assert_eq!(reply.status, status, "{version}: {reply:?}");
        }
        assert_eq!(
            history(&caller, path).await.len(),
            5,
            "what is refused leaves no version"
        );
        // Out of the way of the next level.
        assert_eq!(caller.send("DELETE", path, None).await.status, 204);
    }
    let never = roll_back(&caller, "/mappings/salesforce/accounts", 1).await;
    assert_eq!((never.status, never.code().as_str()), (404, "resource_not_found"));

    let other_tenant = world.tenant("Other").await;
    let other = Caller {
        world: &world,
        connection_id: world.connect(&other_tenant, "acme").await,
        tenant: other_tenant,
    };
    assert_eq!(
        roll_back(&other, TENANT, 1).await.status,
        404,
        "their own history is empty"
    );
    let foreign = roll_back(&other, &own, 1).await;
    assert_eq!(
        (foreign.status, foreign.code().as_str()),
        (404, "connection_not_found")
    );
}

both!(a_version_that_would_not_be_kept_today_is_not_brought_back);
async fn a_version_that_would_not_be_kept_today_is_not_brought_back(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    for name in ["first", "second"] {
        assert_eq!(put(&caller, TENANT, &document(name)).await.status, 200);
    }
    // As an earlier program may have kept it.
    let sql = "UPDATE mapping_override_versions SET document = 'shoes: 1' WHERE version = 1";
    assert_eq!(world.tamper(sql).await, 1);
    let reply = roll_back(&caller, TENANT, 1).await;
    assert_eq!((reply.status, reply.code().as_str()), (422, "invalid_mapping"));
    assert!(reply.text().contains("shoes"), "{reply:?}");
    assert_eq!(mark(&caller).await, "second", "what stands stays");
    assert_eq!(history(&caller, TENANT).await.len(), 2);
}

both!(a_rollback_is_seen_by_every_node_within_a_second);
async fn a_rollback_is_seen_by_every_node_within_a_second(backend: Backend) {
    let nodes = if backend == Backend::Postgres { 2 } else { 1 };
    let world = World::build(Plan::new(backend).nodes(nodes)).await;
    let caller = world.connected().await;
    for name in ["first", "second"] {
        assert_eq!(put(&caller, TENANT, &document(name)).await.status, 200);
    }
    let seen = async |node: usize| {
        let page = caller.get_on(node, "/unified/crm/contacts?limit=1").await.json();
        page["result"][0]["mark"].clone()
    };
    for (version, name) in [(1, "first"), (2, "second")] {
        // In memory everywhere, so that it has to be forgotten.
        for node in 0..nodes {
            seen(node).await;
        }
        assert_eq!(roll_back(&caller, TENANT, version).await.status, 200);
        for node in 0..nodes {
            let mut is_seen = false;
            // Within a second; ten times that on a busy machine.
            for _ in 0..200 {
                is_seen = seen(node).await == name;
                if is_seen {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(is_seen, "node {node} after going back to {name}");
        }
    }
}
