use std::path::Path;

use serde_json::{Value, json};

use crate::{
    BatchInput, Budget, Catalog, DocumentError, FieldKind, Method, Plan, ProviderDocument, QueryInput,
    RequestInput, Requested, ResponseInput, value_at,
};

const BUDGET: Budget = Budget {
    record_ms: 5_000,
    request_ms: 20_000,
};

/// A provider that nobody has: fields below a key, texts for values, requests made by an expression.
const PROVIDER: &str = r#"
name: acme
display_name: Acme
docs_url: https://acme.example/docs
environments:
  production: {label: Production, login_url: "https://login.acme.example", token_url: "https://api.acme.example"}
auth:
  flows: [authorization_code]
  authorize_path: /authorize
  token_path: /token
  client_authentication: body
  token_response: '{"access_token": access_token}'
  token_expiry: expires_in
  token_fault: '"unavailable"'
api: {base_url: "https://api.acme.example", base_path: /v1}
quota_headers:
  - {header: X-Left, limit_header: X-Most, pattern: "^(?<remaining>[0-9]+)$", policy: acme-burst, window_s: 10}
errors: '{"code": "invalid_request", "message": "no"}'
query:
  language: json_body
  request: |
    $count(sorts) > 1
      ? {"refused": {"parameter": sorts[1].parameter, "message": "one sort at most", "allowed": ["name"]}}
      : id ? {"method": "GET", "path": "/" & object & "/" & id, "parameters": {"fields": $join(select, ","), "none": null}}
      : {
          "method": "POST",
          "path": "/" & object & "/search",
          "body": {
            "any": [groups.{"all": [filters.{"name": field, "how": operator, "what": [values]}]}],
            "after": cursor.after, "behind": last_id, "most": limit, "words": search_term
          },
          "warnings": [groups.filters[operator = "contains"].(parameter & " looks at words")]
        }
page: {records: results, next: paging.next, total: total}
records:
  create: {method: POST, path: "/{object}"}
  upsert: {method: POST, path: "/{object}/upsert", id: results.0.id, body: '{"inputs": [$merge([record, {"by": field, "id": value}])]}'}
  id_field: id
  fields_key: values
  envelope: [id, archived, links]
  texts: true
  answers_empty_fields: true
batch:
  max_records: 10
  create: {method: POST, path: "/{object}/batch"}
  body: '{"by": field, "inputs": [records.fields]}'
  reply: 'body ? [body.done.{"id": id, "success": true}] : [records.{"id": id, "success": $$.operation = "delete"}]'
metadata:
  kinds: {text: text}
"#;

const CONTACTS: &str = r#"
resource: contacts
object: people
fields: [first, last, born, points, changed]
filters:
  first_name: {field: first, type: string}
  birthday: {field: born, type: date}
sorts: {first_name: first}
response_mapping: |
  response.{
    "id": id, "first_name": first, "last_name": last, "birthday": born, "updated_at": changed, "is_deleted": archived
  }
request_body_mapping: '{"first": body.first_name, "last": body.last_name, "email_out": body.email_opt_out}'
methods:
  list: {}
  get: {}
  create:
    request_body_mapping: |
      {"first": body.first_name, "last": body.last_name, "email_out": body.email_opt_out, "links": body.account ? [body.account.id]}
  update: {}
"#;

const USERS: &str = r#"
resource: users
object: owners
access:
  is_described: false
  is_flat: true
  request: '{"method": "GET", "path": "/owners"}'
fields: [mail, first]
filters: {email: {field: mail, type: email}}
sorts: {first_name: first}
response_mapping: 'response.{"id": id, "email": mail, "first_name": first}'
methods: {list: {}, get: {}}
"#;

const SHAPES: [(&str, &str); 3] = [
    (
        "_shared.yaml",
        include_str!("../../../../../mappings/unified/crm/_shared.yaml"),
    ),
    (
        "contacts.yaml",
        include_str!("../../../../../mappings/unified/crm/contacts.yaml"),
    ),
    (
        "users.yaml",
        include_str!("../../../../../mappings/unified/crm/users.yaml"),
    ),
];

fn load(provider: &str, contacts: &str) -> Result<Catalog, DocumentError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for (name, text) in SHAPES {
        write(&format!("unified/crm/{name}"), text);
    }
    write("acme/provider.yaml", provider);
    write("acme/crm/contacts.yaml", contacts);
    write("acme/crm/users.yaml", USERS);
    Catalog::from_dir(folder.path())
}

fn acme() -> (
    std::sync::Arc<ProviderDocument>,
    std::sync::Arc<Plan>,
    std::sync::Arc<Plan>,
) {
    let catalog = load(PROVIDER, CONTACTS).unwrap_or_else(|error| panic!("{error}"));
    let plan = |resource| catalog.plan("acme", resource, &[]).unwrap();
    (
        catalog.provider("acme").unwrap().clone(),
        plan("contacts"),
        plan("users"),
    )
}

fn custom(name: &str) -> Option<FieldKind> {
    Some(match name {
        "points" => FieldKind::Decimal,
        "is_vip" => FieldKind::Boolean,
        "colours" => FieldKind::MultiPicklist,
        "asked_at" => FieldKind::DateTime,
        "ends_on" => FieldKind::Date,
        "nickname" => FieldKind::Text,
        _ => return None,
    })
}

fn read(plan: &Plan, raw: &Value) -> Vec<Value> {
    let input = ResponseInput {
        query: &Value::Null,
        context: &json!({}),
        headers: &Value::Null,
        custom_fields: &custom,
        keep_remote_data: true,
        fields: None,
    };
    let mapped = plan.records(Method::List, raw, &input, &BUDGET).unwrap();
    mapped.records.into_iter().map(Value::from).collect()
}

#[test]
fn fields_below_a_key_are_read_as_if_they_stood_in_the_record_each_of_its_kind() {
    let (_, plan, _) = acme();
    let raw = json!([{
        "id": "7", "archived": false,
        "values": {
            "id": "not the record's", "first": "", "last": "Li", "born": "1777593600000", "changed": "2026-05-01T07:25:37Z",
            "points": "-2.5", "is_vip": "false", "colours": "red;grün; ", "asked_at": "1777593600123", "ends_on": "2026-05-01",
            "nickname": "", "other": "x"
        }
    }, {"id": "8", "archived": true, "values": {
        "points": "9007199254740993", "is_vip": "perhaps", "colours": "", "asked_at": "", "nickname": null, "ends_on": "1777593600000"
    }}]);
    let records = read(&plan, &raw);
    let first = &records[0];
    assert_eq!(
        (
            &first["id"],
            &first["first_name"],
            &first["birthday"],
            &first["is_deleted"]
        ),
        (&json!("7"), &json!(""), &json!("2026-05-01"), &json!(false))
    );
    assert_eq!(first["updated_at"], "2026-05-01T07:25:37.000Z");
    assert_eq!(
        first["custom_fields"],
        json!({
            "points": -2.5, "is_vip": false, "colours": ["red", "grün"], "asked_at": "2026-05-01T00:00:00.123Z",
            "ends_on": "2026-05-01", "nickname": ""
        })
    );
    assert_eq!(first["remote_data"], raw[0], "as it came");
    assert_eq!(
        records[1]["custom_fields"],
        json!({"points": 9_007_199_254_740_993_i64, "is_vip": "perhaps", "ends_on": "2026-05-01"}),
        "what is empty is left out, what is not of its kind stays"
    );
    for odd in [
        json!([5, {}]),
        json!([{"id": "1", "values": null}, {"id": "2", "values": "x"}]),
    ] {
        assert_eq!(read(&plan, &odd).len(), 2, "{odd}");
    }
}

#[test]
fn what_is_written_goes_back_below_the_key_as_texts() {
    let (document, plan, users) = acme();
    let body = json!({
        "first_name": null, "email_opt_out": false, "account": {"id": "5"},
        "custom_fields": {"points": 0, "colours": ["red", "grün"], "nickname": ""}
    });
    let input = QueryInput {
        query: &Value::Null,
        body: &body,
        context: &Value::Null,
        connection: &Value::Null,
        id: None,
        field_kinds: &|_| None,
    };
    let sent = plan.enveloped(plan.request_body(Method::Create, &input, &BUDGET).unwrap());
    assert_eq!(
        sent,
        json!({
            "values": {"first": "", "email_out": "false", "points": "0", "colours": "red;grün", "nickname": ""},
            "links": ["5"]
        })
    );
    assert!(plan.writable_by(Method::Create).contains(&"account".to_owned()));
    assert!(!plan.writable_by(Method::Update).contains(&"account".to_owned()));
    assert_eq!(users.enveloped(json!({"mail": null})), json!({"mail": null}));
    let body = document
        .record_body("upsert", "people", Some(("key", "a'b")), &sent)
        .unwrap()
        .unwrap();
    assert_eq!(
        (&body["inputs"][0]["by"], &body["inputs"][0]["id"]),
        (&json!("key"), &json!("a'b"))
    );
    assert_eq!(body["inputs"][0]["values"]["points"], "0");
    assert_eq!(
        document.record_body("create", "people", None, &sent).unwrap(),
        None
    );
}

fn asked<'a>(groups: &'a Value, sorts: &'a Value, select: &'a [String]) -> RequestInput<'a> {
    RequestInput {
        object: "people",
        id: None,
        select,
        groups,
        sorts,
        limit: 50,
        cursor: None,
        last_id: None,
        search_term: None,
        include_deleted: false,
    }
}

#[test]
fn an_expression_makes_the_request() {
    let (document, plan, users) = acme();
    let select = ["first".to_owned(), "last".to_owned()];
    let hostile = "\"}]} OR 1=1 \u{202e}'";
    let groups = json!([
        {"filters": [{"field": "first", "operator": "eq", "values": [hostile], "kind": "text", "parameter": "first_name"}]},
        {"filters": [
            {"field": "points", "operator": "in", "values": [1, 2.5], "kind": "decimal", "parameter": "p"},
            {"field": "last", "operator": "contains", "values": ["x"], "kind": "text", "parameter": "last_name[contains]"}
        ]}
    ]);
    let sorts = json!([{"field": "first", "descending": true, "parameter": "sort"}]);
    let cursor = json!({"after": "42"});
    let input = RequestInput {
        cursor: Some(&cursor),
        last_id: Some("9"),
        ..asked(&groups, &sorts, &select)
    };
    let Requested::Call(call) = plan.request(&document, &input).unwrap() else {
        panic!("refused");
    };
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", "/people/search")
    );
    assert_eq!(
        call.body.unwrap(),
        json!({
            "any": [
                {"all": [{"name": "first", "how": "eq", "what": [hostile]}]},
                {"all": [
                    {"name": "points", "how": "in", "what": [1, 2.5]}, {"name": "last", "how": "contains", "what": ["x"]}
                ]}
            ],
            "after": "42", "behind": "9", "most": 50
        })
    );
    assert_eq!(call.warnings, ["last_name[contains] looks at words"]);
    let none = json!([]);
    let one = RequestInput {
        id: Some("7"),
        ..asked(&none, &none, &select)
    };
    let Requested::Call(call) = plan.request(&document, &one).unwrap() else {
        panic!("refused");
    };
    assert_eq!((call.path.as_str(), call.body), ("/people/7", None));
    assert_eq!(call.parameters, [("fields".to_owned(), "first,last".to_owned())]);
    let two =
        json!([{"field": "first", "parameter": "sort"}, {"field": "last", "parameter": "sort_by[last]"}]);
    match plan.request(&document, &asked(&none, &two, &select)).unwrap() {
        Requested::Refused(refused) => assert_eq!(
            (refused.parameter.as_str(), refused.allowed.len()),
            ("sort_by[last]", 1)
        ),
        Requested::Call(call) => panic!("{call:?}"),
    }
    match users.request(&document, &asked(&none, &none, &select)).unwrap() {
        Requested::Call(call) => assert_eq!(call.path, "/owners", "the resource's own"),
        Requested::Refused(refused) => panic!("{refused:?}"),
    }
}

#[test]
fn a_resource_without_a_description_has_the_fields_its_document_names() {
    let (_, plan, users) = acme();
    assert!(plan.own_metadata().is_none());
    let metadata = users.own_metadata().unwrap();
    let mail = metadata.field("mail").unwrap();
    assert_eq!(
        (mail.kind, mail.is_filterable, mail.is_sortable),
        (FieldKind::Email, true, false)
    );
    assert!(metadata.field("first").unwrap().is_sortable && metadata.fields.len() == 2);
    assert_eq!(
        read(&users, &json!([{"id": "1", "mail": "a@b.c"}]))[0]["email"],
        "a@b.c"
    );
}

#[test]
fn a_batch_reply_is_matched_with_what_was_sent() {
    let (document, ..) = acme();
    let records =
        json!([{"id": "1", "fields": {"values": {}}}, {"id": "2", "fields": {"values": {"a": "b"}}}]);
    let input = BatchInput {
        operation: "delete",
        object: "people",
        all_or_none: false,
        field: "key",
        records: &records,
    };
    let body = document.batch_body(&input).unwrap().unwrap();
    assert_eq!(
        body,
        json!({"by": "key", "inputs": [{"values": {}}, {"values": {"a": "b"}}]})
    );
    let items = document.batch_reply(&input, &Value::Null).unwrap();
    assert!(items.iter().all(|item| item.success) && items[1].id.as_deref() == Some("2"));
    let short = document.batch_reply(&input, &json!({"done": [{"id": "1"}]}));
    assert!(short.is_err(), "one answer for two records");
}

#[test]
fn a_limit_may_stand_in_a_header_of_its_own() {
    let (document, ..) = acme();
    let told = |pairs: &[(&str, &str)]| {
        let headers: Value = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let mut quotas = document.quotas(&headers, 429, &Value::Null);
        quotas
            .pop()
            .map(|quota| (quota.limit, quota.remaining, quota.window_s))
    };
    assert_eq!(
        told(&[("x-left", "0"), ("x-most", "110")]),
        Some((Some(110), 0, Some(10)))
    );
    assert_eq!(
        told(&[("x-left", "3"), ("x-most", "many")]),
        Some((None, 3, Some(10)))
    );
    assert_eq!(told(&[("x-most", "110")]), None);
}

#[test]
fn paths_lead_into_objects_and_lists() {
    let value = json!({"results": [{"id": "7"}], "paging": {"next": {"after": 5}}});
    assert_eq!(value_at(&value, "results.0.id"), Some(&json!("7")));
    assert_eq!(value_at(&value, "paging.next.after"), Some(&json!(5)));
    for missing in [
        "results.1.id",
        "results.x",
        "paging.next.after.more",
        "",
        "results.-1",
    ] {
        assert_eq!(value_at(&value, missing), None, "{missing}");
    }
}

#[test]
fn documents_that_cannot_be_asked_so_are_refused() {
    let refused = |provider: &str, contacts: &str| {
        let error = load(provider, contacts)
            .err()
            .unwrap_or_else(|| panic!("accepted"));
        error.key.unwrap_or_default()
    };
    let without = PROVIDER.replace("  request: |", "  request_: |");
    assert_eq!(
        refused(&without.replace("request_", "parameter"), CONTACTS),
        "query.request"
    );
    let broken = PROVIDER.replace("\"inputs\": [$merge", "\"inputs\": [[$merge");
    assert_eq!(refused(&broken, CONTACTS), "records.upsert.body");
    let insecure = PROVIDER.replace("token_url: \"https:", "token_url: \"http:");
    assert_eq!(refused(&insecure, CONTACTS), "environments.production");
    let text = format!("{CONTACTS}query_mapping: '{{\"where\": \"a\"}}'\n");
    assert_eq!(refused(PROVIDER, &text), "query_mapping");
    let catalog = load(PROVIDER, CONTACTS).unwrap();
    let own = "access: {request: '{\"method\": \"DELETE\", \"path\": \"/people/1\"}'}\n";
    let mistakes = catalog
        .check_override("acme", "contacts", own)
        .expect_err("not a tenant's to say");
    assert_eq!(mistakes[0].key.as_deref(), Some("access"));
}
