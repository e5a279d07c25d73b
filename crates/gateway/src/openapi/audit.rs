//! The operations of the audit log, and the rotation of API keys.

use serde_json::{Value, json};

use super::components::{instant, object, text, text_or_null};
use super::operations::{ADMIN, CONNECTION, Content, Details, Parameter, TENANT, parameter};

const AUDIT: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Entries in a page: 100 unless told, 200 at most.",
    ),
    parameter("cursor", "text", "`next_cursor` of the page before."),
];
const ALL_AUDIT: &[Parameter] = &[
    AUDIT[0],
    AUDIT[1],
    parameter("tenant_id", "text", "Only of this tenant."),
];

pub(super) fn details(id: &str) -> Option<Details> {
    Some(match id {
        "rotate_key" => Details {
            summary: "Replace an API key",
            description: "The answer is its successor, with the same name, scopes and end; `key` is shown this once. The old \
                          key works for `grace_s` seconds more (a day unless told, thirty days at most; 0 ends it at once).",
            query: TENANT,
            body: Content::Schema("KeyRotation"),
            status: "201",
            success: Content::Schema("ApiKeyWithSecret"),
            ..ADMIN
        },
        "list_all_audit" => Details {
            summary: "Who changed what, the latest first",
            description: "Every change through a management route, made or refused. Kept four hundred days.",
            query: ALL_AUDIT,
            success: Content::List("AuditEntry"),
            ..ADMIN
        },
        "list_audit" => Details {
            tag: "Events",
            summary: "Who changed what of the tenant, the latest first",
            description: "Every change through a management route, made or refused, by the tenant's keys or the operator. Kept \
                          four hundred days.",
            query: AUDIT,
            success_text: "A page of entries.",
            success: Content::List("AuditEntry"),
            ..CONNECTION
        },
        _ => return None,
    })
}

pub(super) fn schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let grace = json!({"type": "integer", "minimum": 0, "maximum": 2_592_000, "default": 86_400,
        "description": "How long the old key still works, s."});
    put(
        "KeyRotation",
        json!({"type": "object", "additionalProperties": false, "properties": {"grace_s": grace}}),
    );
    put(
        "AuditEntry",
        object(&[
            ("id", text()),
            ("timestamp", instant()),
            (
                "actor",
                json!({"type": "string", "description": "`operator`, or the id of an API key."}),
            ),
            (
                "action",
                json!({"type": "string", "description": "The operation's id in this document."}),
            ),
            ("path", text()),
            ("subject", text_or_null()),
            ("tenant_id", text_or_null()),
            ("status", json!({"type": "integer"})),
            ("request_id", text()),
        ]),
    );
}
