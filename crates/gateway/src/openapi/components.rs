//! The shared parts of the document.

use mapping::Catalog;
use serde_json::{Map, Value, json};

use crate::access::Scope;
use crate::code::Code;

/// The list envelope around an item.
pub(super) fn page(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["result", "next_cursor", "result_count"],
        "properties": {
            "result": {"type": "array", "items": item},
            "next_cursor": {"type": ["string", "null"], "description": "Where the next page starts; null on the last one."},
            "prev_cursor": {"type": "null"},
            "result_count": {"type": "integer"},
            "total_count": {"type": ["integer", "null"]},
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
    })
}

pub(super) fn parameters() -> Value {
    let text = |name: &str, place: &str, description: &str| json!({"name": name, "in": place, "description": description, "schema": {"type": "string"}});
    json!({
        "ConnectionId": text("X-Connection-Id", "header", "The connection to use."),
        "ConnectionIdParameter": text("connection_id", "query", "The same, where headers cannot be set."),
        "ConnectionExternalId":
            text("X-Connection-External-Id", "header", "Your own id of the customer, in place of `X-Connection-Id`; with `X-Provider`."),
        "Provider": text("X-Provider", "header", "The provider that the external id belongs to."),
    })
}

pub(super) fn headers() -> Value {
    let header =
        |kind: &str, description: &str| json!({"description": description, "schema": {"type": kind}});
    json!({
        "RateLimit-Policy": header("string", "The provider's policies (draft-ietf-httpapi-ratelimit-headers-10)."),
        "RateLimit": header("string", "What is left of them."),
        "ratelimit-limit": header("integer", "The limit of the policy that is closest to its end."),
        "ratelimit-remaining": header("integer", "What is left of it."),
        "ratelimit-reset": header("integer", "Seconds until it begins anew; absent when the provider does not tell."),
        "Idempotency-Replayed": header("boolean", "`true` when the answer is the one of an earlier request with the same key."),
    })
}

pub(super) fn responses() -> Value {
    json!({
        "Problem": {
            "description": "What went wrong, whose fault it is and whether retrying helps.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
        "ProblemOrProvider": {
            "description": "The provider's own error as it came; `application/problem+json` when the gateway could not or would not ask.",
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                "*/*": {"schema": {}},
            },
        },
    })
}

pub(super) fn schemas(catalog: &Catalog) -> Value {
    let mut schemas = Map::new();
    let mut put = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    put("Problem", problem());
    put(
        "Record",
        json!({
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "additionalProperties": true,
            "description": "A record in the shape of its resource.",
        }),
    );
    put("Id", object(&[("id", json!({"type": "string"}))]));
    put(
        "DryRun",
        with_required(
            &[
                ("dry_run", json!({"const": true})),
                (
                    "request",
                    json!({"type": "object", "description": "The provider request, tokens redacted."}),
                ),
                (
                    "query",
                    json!({"type": "string", "description": "The query it carries, where it carries one as text."}),
                ),
            ],
            &["dry_run", "request"],
        ),
    );
    write_schemas(&mut put);
    object_schemas(&mut put);
    connection_schemas(&mut put);
    mapping_schemas(&mut put);
    admin_schemas(&mut put);
    super::webhooks::schemas(&mut put);
    for resource in catalog.resources() {
        let mut schema = resource.json.clone();
        drop_unused_definitions(&mut schema);
        point_into(&mut schema, &format!("#/components/schemas/{}", resource.name));
        put(&resource.name, schema);
    }
    Value::Object(schemas)
}

fn object_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let boolean = || json!({"type": "boolean"});
    let number_or_null = || json!({"type": ["integer", "null"]});
    let option = object(&[("value", text()), ("label", text())]);
    let field = with_required(
        &[
            (
                "name",
                json!({"type": "string", "description": "The provider's name."}),
            ),
            ("label", text()),
            ("description", text_or_null()),
            ("entity", text()),
            (
                "type",
                json!({"type": "string", "description": "What values it holds, whatever the provider calls it."}),
            ),
            ("remote_type", text()),
            ("is_custom", boolean()),
            ("is_required", boolean()),
            ("is_unique", boolean()),
            (
                "is_hidden",
                json!({"type": "boolean", "description": "Mapped, but not there or hidden from the connected user."}),
            ),
            ("is_creatable", boolean()),
            ("is_editable", boolean()),
            ("is_filterable", boolean()),
            ("is_sortable", boolean()),
            (
                "is_external_id",
                json!({"type": "boolean", "description": "Whether records can be upserted by it."}),
            ),
            ("is_calculated", boolean()),
            ("default_value", text_or_null()),
            ("max_length", number_or_null()),
            ("precision", number_or_null()),
            ("scale", number_or_null()),
            ("options", json!({"type": "array", "items": option})),
            ("reference_entities", texts()),
            ("relationship_name", text_or_null()),
            ("field_groups", texts()),
            (
                "unified_field",
                json!({"type": ["string", "null"], "description": "The unified field that is made of it."}),
            ),
        ],
        &["name", "entity", "is_custom", "is_hidden", "unified_field"],
    );
    put("Field", field);
    let association = object(&[
        ("field", text()),
        ("relationship_name", text_or_null()),
        ("entities", texts()),
    ]);
    let flag_or_null = || json!({"type": ["boolean", "null"]});
    put(
        "ObjectSchema",
        with_required(
            &[
                ("name", text()),
                ("label", text_or_null()),
                ("label_plural", text_or_null()),
                ("description", text_or_null()),
                ("is_custom", flag_or_null()),
                ("is_queryable", flag_or_null()),
                ("is_creatable", flag_or_null()),
                ("is_updatable", flag_or_null()),
                ("is_deletable", flag_or_null()),
                ("key_prefix", text_or_null()),
                (
                    "fields",
                    json!({"type": "array", "items": {"$ref": "#/components/schemas/Field"}}),
                ),
                ("associations", json!({"type": "array", "items": association})),
            ],
            &["name"],
        ),
    );
}

fn write_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let record = json!({"$ref": "#/components/schemas/Record"});
    let field = json!({
        "type": "string",
        "description": "A unified field, or `custom_fields.<name>`, that the provider finds records by.",
    });
    put(
        "Upsert",
        object(&[
            (
                "upsert_on",
                object(&[
                    ("field", field.clone()),
                    ("value", json!({"type": ["string", "number"]})),
                ]),
            ),
            ("record", record.clone()),
        ]),
    );
    put("Conversion", conversion());
    put(
        "Batch",
        json!({
            "type": "object",
            "required": ["operation", "records"],
            "additionalProperties": false,
            "properties": {
                "operation": {"enum": ["create", "update", "upsert", "delete"]},
                "records": {
                    "type": "array",
                    "minItems": 1,
                    "description": "Records; with their `id` to update them, ids to delete them, with their key to upsert them.",
                    "items": {"anyOf": [record, {"type": "string"}]},
                },
                "all_or_none": {"type": "boolean", "description": "Whether a record that fails takes the others with it."},
                "upsert_on": {"type": "object", "properties": {"field": field}, "required": ["field"]},
            },
        }),
    );
    let error = object(&[
        (
            "code",
            json!({"type": "string", "description": "As in a problem document."}),
        ),
        ("provider_code", json!({"type": ["string", "null"]})),
        ("message", json!({"type": "string"})),
        ("fields", json!({"type": "array", "items": {"type": "string"}})),
        ("retryable", json!({"type": "boolean"})),
        (
            "duplicates",
            json!({"type": "array", "items": {"type": "string"}}),
        ),
    ]);
    let result = object(&[
        (
            "index",
            json!({"type": "integer", "description": "The record's place among those sent, from 0."}),
        ),
        (
            "status",
            json!({"type": "integer", "description": "The status that a call for this record alone would have had."}),
        ),
        ("id", json!({"type": ["string", "null"]})),
        ("error", json!({"anyOf": [error, {"type": "null"}]})),
    ]);
    put(
        "BatchAnswer",
        object(&[
            ("results", json!({"type": "array", "items": result})),
            ("succeeded", json!({"type": "integer"})),
            ("failed", json!({"type": "integer"})),
        ]),
    );
}

/// Takes the shared definitions out that a schema does not point to, not even through another one.
fn drop_unused_definitions(schema: &mut Value) {
    loop {
        let text = schema.to_string();
        let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) else {
            return;
        };
        let before = definitions.len();
        definitions.retain(|name, _| text.contains(&format!("#/$defs/{name}\"")));
        if definitions.len() == before {
            return;
        }
    }
}

/// References within a schema, made to point at where the schema stands here.
fn point_into(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(fields) => {
            fields.remove("$schema");
            fields.remove("$id");
            for (key, field) in fields {
                match field {
                    Value::String(target) if key == "$ref" => {
                        if let Some(rest) = target.strip_prefix('#') {
                            *target = format!("{place}{rest}");
                        }
                    }
                    _ => point_into(field, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| point_into(item, place)),
        _ => {}
    }
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

pub(super) fn instant() -> Value {
    json!({"type": "string", "format": "date-time"})
}

pub(super) fn instant_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

/// An object with exactly these keys, all there.
pub(super) fn object(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    with_required(properties, &names)
}

/// An object with these keys, some of which must be there.
pub(super) fn with_required(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    let upstream = with_required(
        &[
            ("provider", text()),
            ("status", json!({"type": ["integer", "null"]})),
            ("code", text_or_null()),
            (
                "body",
                json!({"description": "The provider's own body when it is JSON; credentials are redacted."}),
            ),
            ("body_text", text()),
            ("truncated", json!({"type": "boolean"})),
        ],
        &["provider"],
    );
    let mistake = with_required(
        &[
            ("document", text()),
            ("line", json!({"type": ["integer", "null"]})),
            ("column", json!({"type": ["integer", "null"]})),
            ("key", text_or_null()),
            ("message", text()),
        ],
        &["message"],
    );
    with_required(
        &[
            ("type", json!({"type": "string", "format": "uri"})),
            ("title", text()),
            ("status", json!({"type": "integer"})),
            ("detail", text()),
            ("instance", text()),
            ("code", json!({"type": "string", "enum": codes})),
            (
                "retryable",
                json!({"type": "boolean", "description": "Whether the same request may succeed later."}),
            ),
            (
                "is_remote_error",
                json!({"type": "boolean", "description": "Whether the provider spoke, or failed to."}),
            ),
            ("request_id", text()),
            ("trace_id", text()),
            ("violated-policies", texts()),
            (
                "duplicates",
                json!({"type": "array", "items": {"type": "string"}, "description": "Ids of records that the provider means are the same."}),
            ),
            ("upstream", upstream),
            (
                "fields",
                json!({"type": "array", "items": {"type": "string"}, "description": "Unified names of the fields at fault."}),
            ),
            (
                "allowed",
                json!({"type": "array", "items": {"type": "string"}, "description": "What would be accepted."}),
            ),
            (
                "errors",
                json!({"type": "array", "items": mistake, "description": "Mistakes of a mapping document."}),
            ),
            ("connection_id", text()),
            ("remedy", text()),
            ("docs", json!({"type": "string", "format": "uri"})),
            ("statusCode", json!({"type": "integer"})),
            ("error", text()),
            ("message", text()),
        ],
        &[
            "type",
            "title",
            "status",
            "detail",
            "code",
            "retryable",
            "is_remote_error",
            "request_id",
        ],
    )
}

fn connection_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let states = ["pending", "active", "degraded", "needs_reauth", "revoked"];
    put(
        "Connection",
        object(&[
            ("id", text()),
            ("provider", text()),
            ("environment", text()),
            ("external_id", text_or_null()),
            (
                "flow",
                json!({"type": "string", "enum": ["authorization_code", "client_credentials", "jwt_bearer"],
                    "description": "How it gets its tokens."}),
            ),
            ("state", json!({"type": "string", "enum": states})),
            ("state_reason", text_or_null()),
            (
                "paused",
                json!({"type": "boolean", "description": "Whether you paused it: the provider is not called."}),
            ),
            ("paused_at", instant_or_null()),
            ("instance_url", text_or_null()),
            ("account_id", text_or_null()),
            ("user_id", text_or_null()),
            ("scopes", texts()),
            ("api_version", text_or_null()),
            (
                "access_expires_at",
                json!({"type": ["string", "null"], "format": "date-time", "description": "Null where the provider does not tell."}),
            ),
            ("last_refreshed_at", instant_or_null()),
            ("created_at", instant()),
            ("updated_at", instant()),
        ]),
    );
    flow_schemas(put);
    event_schemas(put);
}

fn event_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    put(
        "Event",
        object(&[
            ("id", text()),
            ("type", text()),
            ("timestamp", instant()),
            ("connection_id", text()),
            (
                "data",
                json!({"type": "object", "description": "Of states: provider, environment, external_id, state, state_reason. \
                Of schema_drift: provider, external_id, object, gone [{field, now_perhaps}], retyped [{field, from, to}]."}),
            ),
        ]),
    );
    let reading = object(&[
        ("policy", text()),
        ("limit", json!({"type": ["integer", "null"]})),
        ("remaining", json!({"type": "integer"})),
        ("window_s", json!({"type": ["integer", "null"]})),
        ("reset_s", json!({"type": ["integer", "null"]})),
        ("unit", text_or_null()),
    ]);
    put(
        "Quota",
        object(&[
            ("connection_id", text()),
            ("quotas", json!({"type": "array", "items": reading})),
            ("observed_at", instant_or_null()),
        ]),
    );
    connect_schemas(put);
}

fn connect_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    put(
        "NewConnectSession",
        with_required(
            &[
                ("provider", text()),
                (
                    "environment",
                    json!({
                        "type": "string",
                        "description": "One of the provider's environments. Left out, the person chooses it on the page; when reconnecting it is \
                                        the connection's.",
                    }),
                ),
                (
                    "login_host",
                    json!({"type": "string", "description": "The customer's own login host, in environments that take one."}),
                ),
                (
                    "external_id",
                    json!({"type": "string", "description": "Your own id of the customer."}),
                ),
                (
                    "scopes",
                    json!({"type": "array", "items": {"type": "string"}, "description": "The provider's defaults when left out."}),
                ),
                (
                    "return_to",
                    json!({"type": "string", "format": "uri", "description": "Where the browser ends."}),
                ),
                (
                    "connection_id",
                    json!({"type": "string", "description": "The connection to reconnect."}),
                ),
                (
                    "allow_account_change",
                    json!({"type": "boolean", "description": "Whether the connection may pass to another account than it belongs to; \
                        false when left out."}),
                ),
                (
                    "mode",
                    json!({"type": "string", "enum": ["redirect", "popup"], "description": "How you open the link: in place of your page \
                        (when left out), or in a popup beside it, which tells your page how it ended."}),
                ),
                (
                    "opener_origin",
                    json!({"type": "string", "description": "Of `popup`: the origin of the page that opens it and may hear of the end; that \
                        of `return_to` when left out."}),
                ),
            ],
            &["provider"],
        ),
    );
    put(
        "ConnectSession",
        object(&[("id", text()), ("url", text()), ("expires_at", instant())]),
    );
    let stati = ["open", "waiting", "connected", "denied", "failed", "expired"];
    put(
        "ConnectStatus",
        object(&[
            ("status", json!({"type": "string", "enum": stati})),
            ("connection_id", text_or_null()),
        ]),
    );
}

fn flow_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    let said = |kind: &str, text: &str| json!({"type": kind, "description": text});
    put(
        "NewConnection",
        with_required(
            &[
                ("provider", text()),
                (
                    "flow",
                    json!({"type": "string", "enum": ["client_credentials", "jwt_bearer"]}),
                ),
                ("environment", said("string", "`production` when left out.")),
                (
                    "login_host",
                    said(
                        "string",
                        "The org's own login host, in environments that take one.",
                    ),
                ),
                ("external_id", said("string", "Your own id of the customer.")),
                ("connection_id", said("string", "The connection to be made anew.")),
                (
                    "allow_account_change",
                    said(
                        "boolean",
                        "Whether that may pass to another account; false when left out.",
                    ),
                ),
                (
                    "client_id",
                    said("string", "An app of your own; the gateway's when left out."),
                ),
                (
                    "client_secret",
                    said("string", "Of `client_credentials`, with `client_id`."),
                ),
                (
                    "username",
                    said(
                        "string",
                        "Of `jwt_bearer`: the user on whose behalf records are read and written.",
                    ),
                ),
                (
                    "private_key",
                    said(
                        "string",
                        "Of `jwt_bearer`: PEM of an RSA key of 2048 to 4096 bits whose certificate the app has. Kept sealed, shown \
                         never.",
                    ),
                ),
            ],
            &["provider", "flow"],
        ),
    );
    put(
        "ConnectionChange",
        with_required(
            &[
                (
                    "external_id",
                    json!({"type": ["string", "null"], "description": "Your own id of the customer; null takes it away."}),
                ),
                (
                    "paused",
                    said(
                        "boolean",
                        "While it is true nothing is sent to the provider; the state stays as it is.",
                    ),
                ),
            ],
            &[],
        ),
    );
    let error = object(&[
        ("code", said("string", "As in a problem document.")),
        ("detail", text()),
        ("remedy", text()),
        ("retryable", json!({"type": "boolean"})),
    ]);
    put(
        "ConnectionTest",
        object(&[
            ("connection_id", text()),
            (
                "ok",
                said("boolean", "Whether the provider answered the call as it should."),
            ),
            ("state", text()),
            ("paused", json!({"type": "boolean"})),
            (
                "latency_ms",
                said("integer", "Of the whole call, a refresh of the token included."),
            ),
            ("provider_status", json!({"type": ["integer", "null"]})),
            ("error", json!({"anyOf": [error, {"type": "null"}]})),
        ]),
    );
}

fn mapping_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    put(
        "MappingOverride",
        object(&[
            ("id", text()),
            (
                "level",
                json!({"type": "string", "enum": ["tenant", "connection"]}),
            ),
            ("connection_id", text_or_null()),
            ("provider", text()),
            ("resource", text()),
            ("version", json!({"type": "integer"})),
            ("document", text()),
            ("updated_at", instant()),
        ]),
    );
    put(
        "MappingVersion",
        object(&[
            ("version", json!({"type": "integer"})),
            (
                "document",
                json!({"type": ["string", "null"], "description": "Null where the override was taken back."}),
            ),
            ("created_at", instant()),
        ]),
    );
    put(
        "MappingPreview",
        with_required(&[("document", text()), ("record_id", text())], &["document"]),
    );
    let version = json!({"type": "integer", "description": "A version of the history that has a document."});
    let resources = json!({
        "type": "array", "items": {"type": "string"},
        "description": "The resources whose fields may be mapped; all when empty or left out.",
    });
    put(
        "NewMappingSession",
        with_required(&[("resources", resources), ("return_to", text())], &[]),
    );
    put("MappingRollback", object(&[("version", version)]));
}

fn admin_schemas(put: &mut impl FnMut(&str, Value) -> Option<Value>) {
    put("NewTenant", object(&[("name", text())]));
    put(
        "Tenant",
        object(&[("id", text()), ("name", text()), ("created_at", instant())]),
    );
    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let scopes = json!({
        "type": "array", "items": {"type": "string", "enum": scopes},
        "description": "What the key may do; empty means everything a tenant may do.",
    });
    put(
        "NewApiKey",
        with_required(
            &[
                ("tenant_id", text()),
                ("name", text()),
                ("test", json!({"type": "boolean", "default": false})),
                ("scopes", scopes.clone()),
                ("expires_at", instant()),
            ],
            &["tenant_id", "name"],
        ),
    );
    let key = [
        ("id", text()),
        ("prefix", text()),
        ("name", text()),
        ("scopes", scopes),
        ("created_at", instant()),
        ("expires_at", instant_or_null()),
        ("revoked_at", instant_or_null()),
        ("last_used_at", instant_or_null()),
    ];
    put("ApiKey", object(&key));
    let with_secret: Vec<(&str, Value)> = key.into_iter().chain([("key", text())]).collect();
    put("ApiKeyWithSecret", object(&with_secret));
    super::audit::schemas(put);
    super::keyring::schemas(put);
}

/// The body of a conversion.
fn conversion() -> Value {
    let reference = |text: &str| {
        json!({
            "type": "object", "description": text, "required": ["id"], "properties": {"id": {"type": "string"}},
        })
    };
    let flag = |text: &str| json!({"type": "boolean", "description": text});
    json!({
        "type": "object",
        "required": ["remote_status"],
        "additionalProperties": false,
        "properties": {
            "remote_status": {
                "type": "string",
                "description": "The status that the record then has, in the provider's words: one that stands for converted.",
            },
            "account": reference("The account to join it to; without it a new one is made."),
            "contact": reference("The contact to join it to, of that account; without it a new one is made."),
            "opportunity": reference("The opportunity to join it to; without it a new one is made."),
            "create_opportunity": flag("Whether an opportunity is made where none is named. Default: true."),
            "opportunity_name": {"type": "string", "description": "The new opportunity's name."},
            "owner": reference("The user who owns what is made; without it the record's owner."),
            "overwrite_lead_source": flag("Whether the contact that is named takes the record's lead source."),
            "notify_owner": flag("Whether the provider sends the owner an e-mail."),
        },
    })
}
