//! The operations of `/admin/keyring`.

use serde_json::{Value, json};

use super::operations::{ADMIN, Content, Details};

pub(super) fn details(id: &str) -> Option<Details> {
    Some(match id {
        "get_keyring" => Details {
            summary: "Tell what is sealed by which key",
            description: "Per master key the data keys it wraps and the records it sealed itself before there were data keys; per \
                          generation of data keys the records they sealed. Looks at every sealed record's first bytes.",
            success_text: "The keyring.",
            success: Content::Schema("Keyring"),
            ..ADMIN
        },
        "rotate_keyring" => Details {
            summary: "Move on to the first master key, a step of about a second",
            description: "Wraps data keys by the first master key of the node that answers, and seals records anew that their \
                          tenant's newest data key did not seal; with `data_keys` each tenant gets a new data key first. Send `next` \
                          as the body of the next request until it is null. Everything is served meanwhile; a rotation that was \
                          left in the middle is begun again and finds done what is done.",
            body: Content::Schema("KeyringRotation"),
            success_text: "What this step did, and the next one.",
            success: Content::Schema("KeyringRotationStep"),
            ..ADMIN
        },
        "retire_master_key" => Details {
            summary: "Retire a master key that nothing needs",
            description: "409 with counts while something does. A node whose first key is retired does not start; one that lists it \
                          behind the first only warns.",
            body: Content::Schema("RetiredMasterKey"),
            status: "204",
            success_text: "It may be taken off every list.",
            success: Content::Nothing,
            ..ADMIN
        },
        _ => return None,
    })
}

pub(super) fn schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let count = || json!({"type": "integer", "minimum": 0});
    let object = |properties: Value, required: &[&str]| json!({"type": "object", "required": required, "properties": properties});
    let master_key = object(
        json!({
            "id": {"type": "string"},
            "is_configured": {"type": "boolean", "description": "Whether the node that answers was given it."},
            "is_first": {"type": "boolean", "description": "Whether it is the one that wraps."},
            "is_needed": {"type": "boolean", "description": "Whether something could not be opened without it."},
            "retired_at": {"type": ["string", "null"], "format": "date-time"},
            "data_keys": count(),
            "records": {
                "type": "object", "additionalProperties": count(),
                "description": "Records that it sealed itself, before there were data keys, by table and column.",
            },
        }),
        &[
            "id",
            "is_configured",
            "is_first",
            "is_needed",
            "retired_at",
            "data_keys",
            "records",
        ],
    );
    let data_keys = object(
        json!({"generation": count(), "tenants": count(), "records": count()}),
        &["generation", "tenants", "records"],
    );
    put(
        "Keyring",
        object(
            json!({
                "master_keys": {"type": "array", "items": master_key},
                "data_keys": {"type": "array", "items": data_keys},
                "unreadable": {"type": "integer", "minimum": 0, "description": "Records that name no kind of key."},
            }),
            &["master_keys", "data_keys", "unreadable"],
        ),
    );
    let before = json!({
        "type": ["string", "null"], "format": "date-time",
        "description": "Tenants whose newest data key is older get a new one.",
    });
    put(
        "KeyringRotation",
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "data_keys": {"type": "boolean", "default": false, "description": "A new data key for each tenant, as of now."},
                "after": {"type": ["string", "null"], "description": "Where to go on: of the `next` of the step before."},
                "data_keys_before": before.clone(),
            },
        }),
    );
    let next = json!({
        "type": ["object", "null"],
        "required": ["after", "data_keys_before"],
        "properties": {"after": {"type": "string"}, "data_keys_before": before},
        "description": "The body of the next request; null after the last.",
    });
    put(
        "KeyringRotationStep",
        object(
            json!({
                "rewrapped": count(), "made": count(), "resealed": count(),
                "failed": {"type": "integer", "minimum": 0, "description": "What does not open, and stays as it is; the log names it."},
                "next": next,
            }),
            &["rewrapped", "made", "resealed", "failed", "next"],
        ),
    );
    put(
        "RetiredMasterKey",
        json!({"type": "object", "required": ["id"], "additionalProperties": false, "properties": {"id": {"type": "string"}}}),
    );
}
