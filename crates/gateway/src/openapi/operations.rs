//! What each operation is, takes and answers, by the id of its route.

/// Groups of operations.
pub(super) const TAGS: &[(&str, &str)] = &[
    ("Unified CRM", "Records in one shape, whatever the CRM."),
    ("Proxy", "The CRM's own API, with the connection's credential."),
    ("Connections", "Customers' connected CRM orgs."),
    ("Connect", "How a customer connects an org."),
    ("Events", "What happened to connections."),
    ("Webhooks", "Events sent to a URL of yours, signed."),
    (
        "Mappings",
        "A tenant's and a connection's own layers over the mappings that ship.",
    ),
    ("Admin", "Tenants, keys and providers, for the operator."),
    ("Service", "Health, metrics, documentation."),
];

/// Something a body holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Nothing,
    /// One object of a named schema.
    Schema(&'static str),
    /// The list envelope around a named schema.
    List(&'static str),
    /// A record of the path's resource.
    Record,
    /// The list envelope around such records.
    Records,
    AnyJson,
    Anything,
    Html,
    Text,
    /// A word; with `?verbose`, an object.
    Health,
    /// A mapping document.
    Mapping,
    /// The fields of a page's form.
    Form,
}

/// A parameter of the query, or a header when its kind says so.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) text: &'static str,
}

/// An operation.
pub(super) struct Details {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) takes_connection: bool,
    pub(super) query: &'static [Parameter],
    pub(super) body: Content,
    pub(super) status: &'static str,
    pub(super) success_text: &'static str,
    pub(super) success: Content,
}

pub(super) const fn parameter(name: &'static str, kind: &'static str, text: &'static str) -> Parameter {
    Parameter { name, kind, text }
}

const LIST: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Records in a page: 100 unless told, 2000 at most.",
    ),
    parameter(
        "cursor",
        "text",
        "`next_cursor` of the page before. Good for the same connection, resource and query only.",
    ),
    parameter(
        "sort",
        "text",
        "`-updated_at,name`: sort keys, `-` for descending.",
    ),
    parameter("sort_by", "object", "The same as `sort_by[updated_at]=desc`."),
    parameter(
        "search_term",
        "text",
        "Full-text search. A result of it has one page.",
    ),
    parameter("fields", "text", "Only these fields, separated by commas."),
    parameter("expand", "text", "References to fill in: `account,owner`."),
    parameter("include", "text", "`remote_data` adds the provider's own record."),
    parameter(
        "include_deleted",
        "flag",
        "Deleted records too, where the provider keeps them.",
    ),
    parameter(
        "custom_fields",
        "object",
        "Filters on custom fields: `custom_fields[LTV_Score__c][gte]=5`.",
    ),
    parameter("or", "object", "Alternatives: `or[0][name]=a&or[1][name]=b`."),
    parameter(
        "remote_query",
        "object",
        "Passed on untouched where the mapping allows it.",
    ),
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
];
const READ: &[Parameter] = &[
    parameter("fields", "text", "Only these fields, separated by commas."),
    parameter("expand", "text", "References to fill in: `account,owner`."),
    parameter("include", "text", "`remote_data` adds the provider's own record."),
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
    parameter(
        "If-None-Match",
        "header",
        "The `ETag` of the record the caller has: 304 when it is still the one.",
    ),
];
const IDEMPOTENCY_KEY: Parameter = parameter(
    "Idempotency-Key",
    "header",
    "Names this write, in 1 to 255 visible ASCII characters: of all requests of a connection with one key one is sent to the \
     provider. Retries get its answer for 24 hours (unless the operator chose another time), 409 while it is under way, 422 when they \
     differ from it, and 409 `outcome_unknown` when the provider did not answer. What was refused before it was sent may be retried.",
);
const ALLOW_DUPLICATES: Parameter = parameter(
    "allow_duplicates",
    "flag",
    "Writes although the provider thinks the record a duplicate, where its rules let it.",
);
const WRITE: &[Parameter] = &[
    IDEMPOTENCY_KEY,
    ALLOW_DUPLICATES,
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
    parameter(
        "Prefer",
        "header",
        "`return=minimal` answers `{id}` only and saves a call to the provider.",
    ),
];
const BATCH: &[Parameter] = &[
    IDEMPOTENCY_KEY,
    ALLOW_DUPLICATES,
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
];
const CONVERT: &[Parameter] = &[
    IDEMPOTENCY_KEY,
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
    parameter(
        "Prefer",
        "header",
        "`return=minimal` answers `{id}` only and saves a call to the provider.",
    ),
];
const DELETE: &[Parameter] = &[
    IDEMPOTENCY_KEY,
    parameter(
        "dry_run",
        "flag",
        "Answers the provider request that would be sent, tokens redacted.",
    ),
];
const FIELDS: &[Parameter] = &[parameter(
    "entity",
    "required",
    "The resource, or `custom_objects/<name>`.",
)];
const CONNECTIONS: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Connections in a page: 100 unless told, 200 at most.",
    ),
    parameter("cursor", "text", "`next_cursor` of the page before."),
    parameter("provider", "text", "Only of this provider."),
    parameter("external_id", "text", "Only with this id of yours."),
    parameter(
        "state",
        "text",
        "Only in this state: `pending`, `active`, `degraded`, `needs_reauth` or `revoked`.",
    ),
    parameter("environment", "text", "Only in this environment."),
    parameter(
        "search",
        "text",
        "Only where the external id, the account's id, the address of the API or its host begins so, in any letters' case.",
    ),
    parameter(
        "sort",
        "text",
        "`created_at` or `-created_at`; by id when left out.",
    ),
];
const EVENTS: &[Parameter] = &[
    parameter(
        "limit",
        "limit",
        "Events in a page: 100 unless told, 200 at most.",
    ),
    parameter("cursor", "text", "`next_cursor` of the page before."),
    parameter("connection_id", "text", "Only of this connection."),
    parameter(
        "type",
        "text",
        "Only of this type, such as `connection.needs_reauth`.",
    ),
];
pub(super) const TENANT: &[Parameter] = &[parameter(
    "tenant_id",
    "required",
    "The tenant whose keys are meant.",
)];
const CALLBACK: &[Parameter] = &[
    parameter("state", "text", "Ours."),
    parameter("code", "text", "The provider's, on success."),
    parameter("error", "text", "The provider's, on failure."),
    parameter("error_description", "text", "The provider's, on failure."),
    parameter("iss", "text", "Who answers (RFC 9207)."),
];
const MAPPING_PAGE: &[Parameter] = &[
    parameter(
        "resource",
        "text",
        "The resource to map; the first one unless told.",
    ),
    parameter("saved", "text", "The resource that was just saved."),
];
const VERBOSE: &[Parameter] = &[parameter("verbose", "text", "Lists the checks.")];

/// What a parameter of the path is.
pub(super) fn path_parameter(name: &str) -> &'static str {
    match name {
        "resource" => "A resource: `contacts`, or one of your own mappings.",
        "object" => "The provider's name of an object that the customer made: `Deal__c`.",
        "id" | "delivery_id" => "An id, as this API gave it.",
        "path" => "The provider's path. It is checked and never leaves the provider's own API.",
        "provider" => "A provider's name.",
        "link" => "The token of a connect link: single use.",
        _ => "",
    }
}

pub(super) const BASE: Details = Details {
    tag: "",
    summary: "",
    description: "",
    takes_connection: false,
    query: &[],
    body: Content::Nothing,
    status: "200",
    success_text: "Done.",
    success: Content::AnyJson,
};
const UNIFIED: Details = Details {
    tag: "Unified CRM",
    takes_connection: true,
    ..BASE
};
pub(super) const CONNECTION: Details = Details {
    tag: "Connections",
    ..BASE
};
const MAPPING: Details = Details {
    tag: "Mappings",
    ..BASE
};
const CONNECT: Details = Details {
    tag: "Connect",
    ..BASE
};
pub(super) const ADMIN: Details = Details { tag: "Admin", ..BASE };
const SERVICE: Details = Details {
    tag: "Service",
    ..BASE
};

/// The operation of a route. A route without one gets an empty summary, which a test refuses.
pub(super) fn details(id: &str) -> Details {
    unified(id)
        .or_else(|| shapes(id))
        .or_else(|| connections(id))
        .or_else(|| mappings(id))
        .or_else(|| connect(id))
        .or_else(|| admin(id))
        .or_else(|| super::audit::details(id))
        .or_else(|| super::keyring::details(id))
        .or_else(|| service(id))
        .or_else(|| super::webhooks::details(id))
        .unwrap_or(BASE)
}

fn unified(id: &str) -> Option<Details> {
    // Records of the customer's own objects are read and written as any others.
    let id = id.replace("_object_record", "_record");
    Some(match id.as_str() {
        "list_records" => Details {
            summary: "List records",
            description: "Filters are field names: `email_addresses=a@b.c`, or with an operator `updated_at[gt]=2026-05-01T00:00:00Z` \
                          (`eq ne gt gte lt lte in nin like contains starts_with`). GET /unified/meta/crm/{resource} lists what a \
                          connection can filter and sort by.",
            query: LIST,
            success_text: "A page of records.",
            success: Content::Records,
            ..UNIFIED
        },
        "create_record" => Details {
            summary: "Create a record",
            query: WRITE,
            body: Content::Record,
            status: "201",
            success_text: "The record as the provider now has it.",
            success: Content::Record,
            ..UNIFIED
        },
        "upsert_record" => Details {
            summary: "Create or change a record by a key of yours",
            description: "Changes the record whose field has the value, or creates it. 201 when it is new, 200 when it was there; 409 \
                          with `duplicates` when several records have the value.",
            query: WRITE,
            body: Content::Schema("Upsert"),
            status: "201",
            success_text: "The record as the provider now has it.",
            success: Content::Record,
            ..UNIFIED
        },
        "write_records" => Details {
            summary: "Write many records with one call",
            description: "Each record has a result of its own, in the order sent. A record that is not what the resource takes fails \
                          the request before anything is sent.",
            query: BATCH,
            body: Content::Schema("Batch"),
            status: "207",
            success_text: "What became of each record.",
            success: Content::Schema("BatchAnswer"),
            ..UNIFIED
        },
        "get_record" => Details {
            summary: "Read a record",
            query: READ,
            success_text: "The record.",
            success: Content::Record,
            ..UNIFIED
        },
        "update_record" => Details {
            summary: "Change fields of a record",
            query: WRITE,
            body: Content::Record,
            success_text: "The record as the provider now has it.",
            success: Content::Record,
            ..UNIFIED
        },
        "convert_record" => Details {
            summary: "Convert a record",
            description: "Makes of a lead an account, a contact and, unless told otherwise, an opportunity, or joins it to those \
                          that are named. Other resources answer `unsupported_operation`.",
            query: CONVERT,
            body: Content::Schema("Conversion"),
            success_text: "The record as the provider now has it; `converted_account` and the like tell what it became.",
            success: Content::Record,
            ..UNIFIED
        },
        "delete_record" => Details {
            summary: "Delete a record",
            query: DELETE,
            success_text: "Its id.",
            success: Content::Schema("Id"),
            ..UNIFIED
        },
        _ => return None,
    })
}

/// What an org is made of, how it maps, and its own API.
fn shapes(id: &str) -> Option<Details> {
    Some(match id {
        "list_fields" => Details {
            summary: "List the fields of a resource",
            description: "The fields that this connection's user sees, custom ones included, and the mapped ones that it does not see.",
            query: FIELDS,
            success_text: "The fields.",
            success: Content::List("Field"),
            ..UNIFIED
        },
        "list_object_schemas" => Details {
            summary: "List the objects that the customer made",
            success_text: "The objects, without their fields.",
            success: Content::List("ObjectSchema"),
            ..UNIFIED
        },
        "get_object_schema" => Details {
            summary: "Describe an object that the customer made",
            success_text: "The object with its fields and what they point to.",
            success: Content::Schema("ObjectSchema"),
            ..UNIFIED
        },
        "get_resource_meta" => Details {
            summary: "How a resource maps for a connection",
            description: "The merged mapping, the level each part comes from, the JSON Schema, filters and sort keys.",
            success_text: "The merged mapping.",
            ..UNIFIED
        },
        "proxy" => Details {
            tag: "Proxy",
            summary: "Call the provider's own API",
            description: "Streams both ways. Status, body and headers are the provider's; rate-limit headers are added. The path is \
                          checked against the provider's list and your credentials are not passed on.",
            body: Content::Anything,
            success_text: "Whatever the provider answers, with its own status.",
            success: Content::Anything,
            ..UNIFIED
        },
        _ => return None,
    })
}

fn connections(id: &str) -> Option<Details> {
    Some(match id {
        "list_connections" => Details {
            summary: "List connections",
            query: CONNECTIONS,
            success_text: "A page of connections.",
            success: Content::List("Connection"),
            ..CONNECTION
        },
        "get_connection" => Details {
            summary: "Read a connection",
            success_text: "The connection.",
            success: Content::Schema("Connection"),
            ..CONNECTION
        },
        "create_connection" => Details {
            summary: "Connect an org without a browser",
            description: "`client_credentials` and `jwt_bearer`, where the provider offers them. A token is asked for at once: when it \
                          is refused nothing is stored, and the answer says what to change. With `connection_id`, or the `external_id` \
                          of a connection that is there, that one is made anew. A flow with username and password is not offered.",
            body: Content::Schema("NewConnection"),
            status: "201",
            success_text: "The connection.",
            success: Content::Schema("Connection"),
            ..CONNECTION
        },
        "change_connection" => Details {
            summary: "Rename or pause a connection",
            description: "A paused connection keeps its state and credentials. Calls for it answer 409 `connection_paused`; the \
                          provider is not called.",
            body: Content::Schema("ConnectionChange"),
            success_text: "The connection.",
            success: Content::Schema("Connection"),
            ..CONNECTION
        },
        "test_connection" => Details {
            summary: "Try whether a connection works",
            description: "Makes one cheap call with the connection's credential, refreshing the token if it is over. What goes wrong \
                          is told in the answer.",
            success_text: "What came of it.",
            success: Content::Schema("ConnectionTest"),
            ..CONNECTION
        },
        "delete_connection" => Details {
            summary: "Delete a connection and its credentials",
            description: "The provider is asked to end the grant, in the background. The connection is deleted whatever it answers.",
            status: "204",
            success: Content::Nothing,
            ..CONNECTION
        },
        "list_connection_events" => Details {
            tag: "Events",
            summary: "List events, the latest first",
            description: "`connection.created`, `connection.active`, `connection.needs_reauth`, `connection.recovered`, \
                          `connection.deleted`, `connection.degraded`, `connection.schema_drift`, `connection.refresh_outcome_unknown`. Events are kept \
                          thirty days.",
            query: EVENTS,
            success_text: "A page of events.",
            success: Content::List("Event"),
            ..CONNECTION
        },
        "get_connection_event" => Details {
            tag: "Events",
            summary: "Read an event",
            success_text: "The event.",
            success: Content::Schema("Event"),
            ..CONNECTION
        },
        "get_quota" => Details {
            summary: "The last known quota of a connection",
            description: "What the provider told with its latest answer that this node saw; no call is made.",
            success_text: "The quota; `observed_at` is null when this node has seen no answer yet.",
            success: Content::Schema("Quota"),
            ..CONNECTION
        },
        _ => return None,
    })
}

fn mappings(id: &str) -> Option<Details> {
    let kept = Details {
        success_text: "The override.",
        success: Content::Schema("MappingOverride"),
        ..MAPPING
    };
    let put = Details {
        description: "YAML or JSON. Checked before it is kept, and refused with the line, column and key of every mistake. Takes \
                      effect on every node within a second; earlier versions stay in the history.",
        body: Content::Mapping,
        ..kept
    };
    let gone = Details {
        status: "204",
        success: Content::Nothing,
        ..MAPPING
    };
    let history = Details {
        success_text: "All versions, newest first.",
        success: Content::List("MappingVersion"),
        ..MAPPING
    };
    let rollback = Details {
        description: "Puts the document of an earlier version again, as a version of its own: checked as any document that is put, in \
                      effect on every node within a second.",
        body: Content::Schema("MappingRollback"),
        ..kept
    };
    let preview = Details {
        description: "Shows the merged mapping and a real record before and after. Nothing is kept.",
        body: Content::Schema("MappingPreview"),
        success_text: "The record before and after.",
        ..MAPPING
    };
    Some(match id {
        "list_mappings" => Details {
            summary: "List mapping overrides",
            success_text: "All overrides.",
            success: Content::List("MappingOverride"),
            ..MAPPING
        },
        "get_mapping" => Details {
            summary: "Read the tenant's override",
            ..kept
        },
        "put_mapping" => Details {
            summary: "Put the tenant's override",
            ..put
        },
        "delete_mapping" => Details {
            summary: "Take the tenant's override back",
            ..gone
        },
        "get_mapping_history" => Details {
            summary: "Versions of the tenant's override",
            ..history
        },
        "roll_back_mapping" => Details {
            summary: "Roll the tenant's override back to an earlier version",
            ..rollback
        },
        "preview_mapping" => Details {
            summary: "Try an override for the tenant",
            takes_connection: true,
            ..preview
        },
        "get_connection_mapping" => Details {
            summary: "Read a connection's override",
            ..kept
        },
        "put_connection_mapping" => Details {
            summary: "Put a connection's override",
            ..put
        },
        "delete_connection_mapping" => Details {
            summary: "Take a connection's override back",
            ..gone
        },
        "get_connection_mapping_history" => Details {
            summary: "Versions of a connection's override",
            ..history
        },
        "roll_back_connection_mapping" => Details {
            summary: "Roll a connection's override back to an earlier version",
            ..rollback
        },
        "preview_connection_mapping" => Details {
            summary: "Try an override for a connection",
            ..preview
        },
        _ => return None,
    })
}

fn connect(id: &str) -> Option<Details> {
    Some(match id {
        "create_mapping_session" => Details {
            summary: "Make a link with which a customer maps fields of their own",
            description: "Behind the link the customer's admin sees the unified fields and their own, with labels and values of some \
                          records, picks, looks at a record as it would be answered, and saves. What is saved is the `field_map` of \
                          the connection's override. Ends on `return_to?connection_id=…&status=mapped`.",
            body: Content::Schema("NewMappingSession"),
            status: "201",
            success_text: "The link: it works once, in one browser, until `expires_at`.",
            success: Content::Schema("ConnectSession"),
            ..CONNECT
        },
        "open_mapping_link" => Details {
            summary: "The page behind a mapping link",
            description: "Opening it does not use the link up.",
            success_text: "The page.",
            success: Content::Html,
            ..CONNECT
        },
        "begin_mapping" => Details {
            summary: "Open the mapping page",
            description: "Uses the link up and binds the page to this browser.",
            status: "303",
            success_text: "To the page.",
            success: Content::Nothing,
            ..CONNECT
        },
        "open_mapping_page" => Details {
            summary: "The mapping page",
            query: MAPPING_PAGE,
            success_text: "The page.",
            success: Content::Html,
            ..CONNECT
        },
        "send_mapping_form" => Details {
            summary: "Preview or save what is picked on the mapping page",
            body: Content::Form,
            success_text: "The page, with a preview, or the last one.",
            success: Content::Html,
            ..CONNECT
        },
        "create_connect_session" => Details {
            summary: "Make a link with which a customer connects an org",
            body: Content::Schema("NewConnectSession"),
            status: "201",
            success_text: "The link: it works once, in one browser, until `expires_at`.",
            success: Content::Schema("ConnectSession"),
            ..CONNECT
        },
        "open_connect_page" => Details {
            summary: "The page behind a connect link",
            description: "Opening it does not use the link up.",
            success_text: "The page.",
            success: Content::Html,
            ..CONNECT
        },
        "start_authorization" => Details {
            summary: "Leave for the provider",
            description: "Uses the link up, binds the journey to this browser and redirects to the provider. Where the session leaves the \
                          environment open, the form names `environment` and, where that takes one, `login_host`; a choice that is no \
                          good is answered with the page again, and the link stays good.",
            status: "303",
            success_text: "Off to the provider.",
            success: Content::Nothing,
            ..CONNECT
        },
        "get_connect_status" => Details {
            summary: "How far the journey of a connect link has come",
            description: "For the page of a popup, which waits for the end; good until a day after the link has expired.",
            success_text: "Where it stands.",
            success: Content::Schema("ConnectStatus"),
            ..CONNECT
        },
        "finish_authorization" => Details {
            summary: "Come back from the provider",
            description: "The redirect URI. Ends on `return_to?connection_id=…&status=connected`, on `return_to?status=denied`, or on a \
                          page that says what went wrong and what to do.",
            query: CALLBACK,
            status: "303",
            success_text: "Back to `return_to`.",
            success: Content::Nothing,
            ..CONNECT
        },
        _ => return None,
    })
}

fn admin(id: &str) -> Option<Details> {
    Some(match id {
        "list_tenants" => Details {
            summary: "List tenants",
            success: Content::List("Tenant"),
            ..ADMIN
        },
        "create_tenant" => Details {
            summary: "Create a tenant",
            body: Content::Schema("NewTenant"),
            status: "201",
            success: Content::Schema("Tenant"),
            ..ADMIN
        },
        "list_keys" => Details {
            summary: "List a tenant's API keys",
            query: TENANT,
            success: Content::List("ApiKey"),
            ..ADMIN
        },
        "create_key" => Details {
            summary: "Create an API key",
            description: "`key` is shown this once: only a hash of it is kept.",
            body: Content::Schema("NewApiKey"),
            status: "201",
            success: Content::Schema("ApiKeyWithSecret"),
            ..ADMIN
        },
        "revoke_key" => Details {
            summary: "Revoke an API key",
            description: "Refused on every node within seconds.",
            query: TENANT,
            status: "204",
            success: Content::Nothing,
            ..ADMIN
        },
        "list_providers" => Details {
            summary: "List the providers whose mappings are loaded",
            success: Content::AnyJson,
            ..ADMIN
        },
        _ => return None,
    })
}

fn service(id: &str) -> Option<Details> {
    Some(match id {
        "livez" => Details {
            summary: "The process answers",
            success: Content::Health,
            ..SERVICE
        },
        "readyz" => Details {
            summary: "The node may be sent requests",
            description: "503 while the database does not answer, and while the node is stopping. Redis down does not make it unready.",
            query: VERBOSE,
            success: Content::Health,
            ..SERVICE
        },
        "metrics" => Details {
            summary: "Metrics in Prometheus' text format",
            description: "On a port of its own when one is configured; here only when the gateway listens on loopback.",
            success: Content::Text,
            ..SERVICE
        },
        "openapi" => Details {
            summary: "This document",
            ..SERVICE
        },
        "docs" => Details {
            summary: "This document as a page",
            success: Content::Html,
            ..SERVICE
        },
        _ => return None,
    })
}
