use std::collections::BTreeSet;

use clap::{CommandFactory as _, Parser as _};

use super::Arguments;

/// Where the routes stand that somebody looks after a gateway by.
const MANAGEMENT: [&str; 7] = [
    "/admin/",
    "/audit",
    "/connect/sessions",
    "/connections",
    "/events",
    "/mappings",
    "/webhooks",
];

/// Each of their operations, and the command that makes it.
const COMMANDS: [(&str, &str); 47] = [
    ("list_connections", "connections list"),
    ("create_connection", "connections create P --flow F"),
    ("get_connection", "connections show C"),
    ("change_connection", "connections rename C E"),
    ("test_connection", "connections test C"),
    ("delete_connection", "connections delete C"),
    ("get_quota", "connections quota C"),
    ("list_connection_events", "events list"),
    ("get_connection_event", "events show E"),
    ("list_audit", "audit list"),
    ("list_all_audit", "audit list-all"),
    ("list_webhooks", "webhooks list"),
    ("create_webhook", "webhooks create U"),
    ("get_webhook", "webhooks show W"),
    ("update_webhook", "webhooks update W --enable"),
    ("delete_webhook", "webhooks delete W"),
    ("rotate_webhook_secret", "webhooks rotate-secret W"),
    ("test_webhook", "webhooks test W"),
    ("replay_webhook", "webhooks replay W --since S"),
    ("list_webhook_deliveries", "webhooks deliveries W"),
    ("get_webhook_delivery", "webhooks delivery W D"),
    ("replay_webhook_delivery", "webhooks replay W --delivery D"),
    ("list_mappings", "mappings list"),
    ("get_mapping", "mappings show P R"),
    ("put_mapping", "mappings put P R --file F"),
    ("delete_mapping", "mappings delete P R"),
    ("get_mapping_history", "mappings history P R"),
    ("roll_back_mapping", "mappings roll-back P R --to 1"),
    ("preview_mapping", "mappings preview P R --file F --on C"),
    ("get_connection_mapping", "mappings show --connection C R"),
    ("put_connection_mapping", "mappings put --connection C R --file F"),
    ("delete_connection_mapping", "mappings delete --connection C R"),
    (
        "get_connection_mapping_history",
        "mappings history --connection C R",
    ),
    (
        "roll_back_connection_mapping",
        "mappings roll-back --connection C R --to 1",
    ),
    (
        "preview_connection_mapping",
        "mappings preview --connection C R --file F",
    ),
    ("create_mapping_session", "connect mapping-session C"),
    ("create_connect_session", "connect session P"),
    ("list_tenants", "tenants list"),
    ("create_tenant", "tenants create N"),
    ("list_keys", "api-keys list --tenant T"),
    ("create_key", "api-keys create --tenant T --name N"),
    ("revoke_key", "api-keys revoke --tenant T K"),
    ("rotate_key", "api-keys rotate --tenant T K"),
    ("list_providers", "providers list"),
    ("get_keyring", "keys status"),
    ("rotate_keyring", "keys rotate"),
    ("retire_master_key", "keys retire K"),
];

#[test]
fn every_route_of_management_has_a_command() {
    let document = gateway::openapi(&mapping::Catalog::embedded().unwrap());
    let paths = document["paths"].as_object().unwrap().iter();
    let operations: BTreeSet<&str> = paths
        .filter(|(path, _)| MANAGEMENT.iter().any(|start| path.starts_with(start)))
        .flat_map(|(_, path)| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let commanded: BTreeSet<&str> = COMMANDS.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(
        operations, commanded,
        "a route was added, renamed or removed: give it a command in src/manage, a test in tests/e2e/commands and a line here"
    );
    for (_, command) in COMMANDS {
        let words = ["crosswalk"].into_iter().chain(command.split(' '));
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{command}: {error}");
        }
    }
}

#[test]
fn the_command_line_is_sound() {
    Arguments::command().debug_assert();
}
