//! `crosswalk mappings explain --connection`: the mapping that a connection of a running gateway has.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Backend, World, both};

async fn explain(arguments: Vec<String>, key: Option<String>) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_crosswalk"));
    command
        .args(["mappings", "explain"])
        .args(arguments)
        .env_remove("CROSSWALK_API_KEY");
    if let Some(key) = key {
        command.env("CROSSWALK_API_KEY", key);
    }
    command.output().await.expect("the program runs")
}

both!(the_mapping_of_a_live_connection_is_explained);
async fn the_mapping_of_a_live_connection_is_explained(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let own = format!("/connections/{}/mappings/contacts", caller.connection_id);
    for (path, document) in [
        (
            "/mappings/salesforce/contacts",
            json!({"field_map": {"segment": "Segment__c"}}),
        ),
        (own.as_str(), json!({"field_map": {"ltv": "LTV_Score__c"}})),
    ] {
        assert_eq!(caller.send("PUT", path, Some(&document)).await.status, 200);
    }
    let asked = |connection: &str, resource: &str| {
        let url = world.gateways[0].url.clone();
        ["--connection", connection, "--url", url.as_str(), resource]
            .map(str::to_owned)
            .to_vec()
    };
    let key = || Some(caller.tenant.key.clone());
    let told = explain(asked(&caller.connection_id, "contacts"), key()).await;
    assert!(told.status.success(), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(
        told["field_map"],
        json!({"ltv": "LTV_Score__c", "segment": "Segment__c"})
    );
    assert_eq!(told["sources"]["field_map.segment"], "tenant");
    assert_eq!(told["sources"]["field_map.ltv"], "connection");
    assert_eq!(told["sources"]["object"], "base");
    let over_http = caller.get("/unified/meta/crm/contacts").await.json();
    assert_eq!(told, over_http);

    let stranger = world.tenant("Other").await;
    let mut elsewhere = asked(&caller.connection_id, "contacts");
    "ftp://gateway.example".clone_into(&mut elsewhere[3]);
    let mut nobody = asked(&caller.connection_id, "contacts");
    "http://127.0.0.1:9".clone_into(&mut nobody[3]);
    let mut both_names = asked(&caller.connection_id, "contacts");
    both_names.insert(4, "salesforce".to_owned());
    for (arguments, key, named) in [
        (
            asked("con_000000000000000000000000", "contacts"),
            key(),
            "No such connection",
        ),
        (
            asked(&caller.connection_id, "contacts"),
            Some(stranger.key),
            "No such connection",
        ),
        (
            asked(&caller.connection_id, "contacts"),
            Some("cw_live_x".to_owned()),
            "API key is unknown",
        ),
        (
            asked(&caller.connection_id, "contacts"),
            None,
            "CROSSWALK_API_KEY",
        ),
        (
            asked(&caller.connection_id, "contacts"),
            Some("a\r\nx: y".to_owned()),
            "CROSSWALK_API_KEY",
        ),
        (asked("con_1\r\nx: y", "contacts"), key(), "not an id"),
        (
            asked(&caller.connection_id, "../../connections"),
            key(),
            "unknown resource",
        ),
        (asked(&caller.connection_id, "spaceships"), key(), "contacts"),
        (elsewhere, key(), "ftp is not spoken"),
        (nobody, key(), "127.0.0.1:9"),
        (both_names, key(), "resource alone"),
    ] {
        let refused = explain(arguments.clone(), key).await;
        assert!(
            !refused.status.success() && refused.stdout.is_empty(),
            "{arguments:?}: {refused:?}"
        );
        let text = String::from_utf8_lossy(&refused.stderr).to_lowercase();
        assert!(text.contains(&named.to_lowercase()), "{arguments:?}: {text}");
    }
}
