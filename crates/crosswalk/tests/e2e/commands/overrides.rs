//! `crosswalk mappings`, as far as it asks a gateway.

use serde_json::json;

use super::{Shell, text};
use crate::support::{Backend, World, both};

fn marked(mark: &str) -> String {
    format!("# Zoë\r\nresponse_mapping: 'response.{{ \"mark\": \"{mark}\" }}'")
}

both!(overrides_are_put_tried_and_rolled_back);
async fn overrides_are_put_tried_and_rolled_back(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let id = caller.connection_id.as_str();
    let mark = async || caller.contacts("limit=1").await["result"][0]["mark"].clone();
    let file = world.directory.path().join("contacts.yaml");
    let path = file.to_str().expect("a path");
    std::fs::write(&file, marked("first")).expect("written");

    let of_tenant = ["salesforce", "contacts"];
    let of_connection = ["--connection", id, "contacts"];
    for (names, route) in [
        (of_tenant.as_slice(), "/mappings/salesforce/contacts".to_owned()),
        (
            of_connection.as_slice(),
            format!("/connections/{id}/mappings/contacts"),
        ),
    ] {
        let with = |verb: &'static str, more: &[&'static str]| -> Vec<&str> {
            [&["mappings", verb][..], names, more].concat()
        };
        let kept = async || caller.get(&route).await.json();
        let put = [with("put", &[]), vec!["--file", path]].concat();
        std::fs::write(&file, marked("first")).expect("written");
        assert_eq!(tenant.done(&put), "version 1 is in force\n");
        assert_eq!(kept().await["document"], marked("first"));
        // From standard input, and as the bytes that were given.
        let second = tenant.done_with(&with("put", &["--file", "-"]), &marked("second"));
        assert_eq!(second, "version 2 is in force\n");
        assert_eq!(mark().await, "second");
        assert_eq!(tenant.done(&with("show", &[])), marked("second"));
        assert_eq!(tenant.json(&with("show", &["--json"])), kept().await);

        let history = caller.get(&format!("{route}/history")).await.json();
        assert_eq!(
            tenant.lines(&with("history", &["--json"])),
            *history["result"].as_array().expect("a list")
        );
        assert_eq!(
            tenant.done(&with("roll-back", &["--to", "1"])),
            "version 3 is in force\n"
        );
        assert_eq!(
            (kept().await["version"].clone(), mark().await),
            (json!(3), json!("first"))
        );
        tenant.refused(&with("roll-back", &["--to", "9"]), "no version 9");

        let broken = "response_mapping: 'response.{'\nquery_mapping: '('\n";
        let (_, told) = tenant.run(&with("put", &["--file", "-"]), broken);
        for mistake in ["(invalid_mapping, req_", "response_mapping", "query_mapping"] {
            assert!(told.contains(mistake), "{told}");
        }
        assert_eq!(kept().await["version"], 3, "a mistake changes nothing");
    }
    let listed = tenant.done(&["mappings", "list"]);
    assert!(listed.lines().count() == 3 && listed.contains(id), "{listed}");
    let all = caller.get("/mappings").await.json();
    assert_eq!(
        tenant.lines(&["mappings", "list", "--json"]),
        *all["result"].as_array().expect("a list")
    );
    let taken = tenant.done(&["mappings", "delete", "--connection", id, "contacts"]);
    assert!(taken.contains("taken back"), "{taken}");
    let left = caller.get("/mappings").await.json();
    assert_eq!(
        (&left["result_count"], &left["result"][0]["level"]),
        (&json!(1), &json!("tenant"))
    );
    let told = tenant.done(&["mappings", "history", "--connection", id, "contacts"]);
    assert!(told.contains("taken back") && told.contains(" bytes"), "{told}");

    tenant.refused(
        &["mappings", "show", "--connection", id, "contacts"],
        "no such mapping",
    );
    tenant.refused(
        &["mappings", "show", "contacts"],
        "name the provider and the resource",
    );
    tenant.refused(
        &["mappings", "show", "--connection", id, "salesforce", "contacts"],
        "name the resource alone",
    );
    tenant.refused(
        &["mappings", "show", "nobody", "contacts"],
        "Allowed: hubspot,salesforce",
    );
    let nowhere = [
        "mappings",
        "put",
        "salesforce",
        "contacts",
        "--file",
        "/no/such/file",
    ];
    tenant.refused(&nowhere, "/no/such/file: No such file");
}

both!(an_override_is_tried_before_it_is_put);
async fn an_override_is_tried_before_it_is_put(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let tenant = Shell::of(&caller.tenant, &world);
    let id = caller.connection_id.as_str();
    let file = world.directory.path().join("contacts.yaml");
    let path = file.to_str().expect("a path");
    std::fs::write(&file, marked("first")).expect("written");

    let preview = [
        "mappings",
        "preview",
        "salesforce",
        "contacts",
        "--file",
        path,
        "--on",
        id,
    ];
    let tried = tenant.json(&preview);
    assert_eq!(tried["after"]["mark"], "first", "{tried}");
    let kept = caller.get("/mappings").await.json();
    assert_eq!(kept["result"], json!([]), "a preview keeps nothing");
    let record = caller.contacts("limit=2").await["result"][1]["id"].clone();
    let chosen = tenant.json(&[
        "mappings",
        "preview",
        "--connection",
        id,
        "contacts",
        "--file",
        path,
        "--record",
        text(&record),
    ]);
    assert_eq!(
        (&chosen["before"]["id"], &chosen["after"]["mark"]),
        (&record, &json!("first")),
        "{chosen}"
    );
    tenant.refused(&preview[..6], "--on");
}
