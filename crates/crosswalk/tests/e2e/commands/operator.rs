//! `crosswalk tenants`, `api-keys`, `providers` and `audit`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{API_KEY, OPERATOR_KEY, Shell, text};
use crate::support::{Backend, World, both};

/// What the API answers the operator.
async fn asked(world: &World, path: &str) -> Value {
    let operator = [("authorization", format!("Bearer {}", world.operator_key))];
    world.client.get(&world.url(path), &operator).await.json()
}

/// The status that a key is answered with.
async fn status(world: &World, key: &str) -> u16 {
    let bearer = [("authorization", format!("Bearer {key}"))];
    world.client.get(&world.url("/connections"), &bearer).await.status
}

both!(tenants_and_their_keys_are_looked_after);
async fn tenants_and_their_keys_are_looked_after(backend: Backend) {
    let world = World::small(backend).await;
    let operator = Shell::of_operator(&world);
    let made = operator.json(&["tenants", "create", "By hand"]);
    let tenant = text(&made["id"]);
    assert!(operator.done(&["tenants", "list"]).contains("By hand"));
    assert_eq!(
        operator.lines(&["tenants", "list", "--json"]),
        *asked(&world, "/admin/tenants").await["result"]
            .as_array()
            .expect("a list")
    );
    let create = [
        "api-keys", "create", "--tenant", tenant, "--name", "n", "--scope", "read",
    ];
    let made = operator.json(&create);
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    assert_eq!(made["scopes"], json!(["read"]));
    assert_eq!(status(&world, key).await, 200);

    let rotate = ["api-keys", "rotate", "--tenant", tenant, id, "--grace-s", "0"];
    let rotated = operator.json(&rotate);
    let next = text(&rotated["key"]);
    assert_eq!(rotated["scopes"], json!(["read"]));
    assert_eq!(
        (status(&world, key).await, status(&world, next).await),
        (401, 200)
    );
    let rotated = operator.json(&["api-keys", "rotate", "--tenant", tenant, text(&rotated["id"])]);
    let (last_id, last) = (text(&rotated["id"]), text(&rotated["key"]));
    assert_eq!(
        (status(&world, next).await, status(&world, last).await),
        (200, 200),
        "a day of grace unless another time is named"
    );

    let revoked = operator.done(&["api-keys", "revoke", "--tenant", tenant, last_id]);
    assert!(revoked.contains("is revoked"), "{revoked}");
    assert_eq!(status(&world, last).await, 401);
    let listed = operator.done(&["api-keys", "list", "--tenant", tenant]);
    for (id, key) in [(id, key), (last_id, last)] {
        assert!(listed.contains(id) && !listed.contains(key), "{listed}");
    }
    operator.refused(
        &["api-keys", "rotate", "--tenant", tenant, "key_1"],
        "no such key",
    );
    operator.refused(&["api-keys", "rotate", "--tenant", tenant, ".."], "neither an id");
    let too_long = [
        "api-keys",
        "rotate",
        "--tenant",
        tenant,
        last_id,
        "--grace-s",
        "2592001",
    ];
    operator.refused(&too_long, "thirty days");
    let nobody = operator.with(OPERATOR_KEY, "");
    nobody.refused(&["tenants", "list"], "in CROSSWALK_OPERATOR_KEY");
    // A tenant's key is none of the operator's, wherever it stands.
    nobody.refused(
        &["tenants", "list", "--key", next],
        "takes the operator key, not a tenant's key. (operator_key_required, req_",
    );
    nobody.refused(&["tenants", "list", "--key", last], "(invalid_api_key, req_");
}

both!(providers_are_listed_as_configured);
async fn providers_are_listed_as_configured(backend: Backend) {
    let world = World::small(backend).await;
    let operator = Shell::of_operator(&world);
    let told = operator.done(&["providers", "list"]);
    let callback = world.url("/oauth/callback/salesforce");
    assert!(
        told.lines().any(|line| line.starts_with("salesforce ")
            && line.ends_with(&callback)
            && line.contains("true")),
        "{told}"
    );
    assert_eq!(
        operator.lines(&["providers", "list", "--json"]),
        *asked(&world, "/admin/providers").await["result"]
            .as_array()
            .expect("a list")
    );
}

both!(who_changed_what_is_listed_page_by_page);
async fn who_changed_what_is_listed_page_by_page(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let other = world.tenant("Other").await;
    let (tenant, operator) = (Shell::of(&caller.tenant, &world), Shell::of_operator(&world));
    let path = format!("/connections/{}", caller.connection_id);
    // More than one page of entries.
    for turn in 0..202 {
        let changed = json!({"paused": turn % 2 == 0});
        assert_eq!(caller.send("PATCH", &path, Some(&changed)).await.status, 200);
    }
    let ids = |entries: &[Value]| -> BTreeSet<String> {
        let ids = entries.iter();
        ids.map(|entry| text(&entry["id"]).to_owned()).collect()
    };
    let all = tenant.lines(&["audit", "list", "--limit", "1000", "--json"]);
    // The tenant, its key and the session were made, too.
    assert_eq!((all.len(), ids(&all).len()), (205, 205));
    assert_eq!(all[0]["action"], "change_connection");
    let most = tenant.lines(&["audit", "list", "--limit", "203", "--json"]);
    assert_eq!(most, all[..203]);
    let first = caller.get("/audit?limit=3").await.json();
    assert_eq!(first["result"].as_array().expect("a list"), &all[..3]);

    let told = tenant.done(&["audit", "list", "--limit", "2"]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(lines[1].contains(&path) && lines[3].contains("--limit"), "{told}");
    tenant.refused(&["audit", "list", "--limit", "0"], "1..");
    tenant.refused(&["audit", "list-all"], "in CROSSWALK_OPERATOR_KEY");

    let everything = operator.lines(&["audit", "list-all", "--limit", "1000", "--json"]);
    let theirs = Shell::of(&other, &world).lines(&["audit", "list", "--json"]);
    assert_eq!(theirs.len(), 2);
    assert!(ids(&everything).is_superset(&ids(&all)) && ids(&everything).is_superset(&ids(&theirs)));
    let of = text(&theirs[0]["tenant_id"]);
    let named = operator.lines(&["audit", "list-all", "--tenant", of, "--json"]);
    assert_eq!(named, theirs);
    operator.refused(&["audit", "list-all", "--tenant", "nobody"], "no such tenant");
    operator
        .with(API_KEY, "")
        .refused(&["audit", "list"], "in CROSSWALK_API_KEY");
}
