use serde_json::json;

use crate::{Catalog, OverrideSource};

const SCHEMA: &str = "title: deals\ntype: object\nproperties: {id: {type: string}}\n";
const PROVIDER: &str = "\
name: acme
display_name: Acme
docs_url: 'https://acme.example/docs'
environments: {production: {label: Production, login_url: 'https://login.acme.example'}}
auth:
  flows: [authorization_code]
  authorize_path: /authorize
  token_path: /token
  client_authentication: body
  token_response: '{\"access_token\": access_token}'
  token_expiry: learned
  token_fault: '\"unavailable\"'
api: {host_suffixes: [.acme.example], base_path: /api}
errors: '{\"code\": \"upstream_error\"}'
query: {language: soql, path: /query, parameter: q}
page: {records: records, done: done}
records: {id_field: Id}
";

/// The documents of a made-up provider with these files beside its own.
fn catalog(files: &[(&str, &str)]) -> Result<Catalog, String> {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        ("unified/crm/deals.yaml", SCHEMA),
        ("acme/provider.yaml", PROVIDER),
    ];
    for (path, text) in all.iter().chain(files) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    Catalog::from_dir(folder.path()).map_err(|error| error.to_string())
}

const DEALS: &str = "resource: deals\nobject: Deal\nfields: [Id]\nresponse_mapping: 'response.{\"id\": Id}'\nmethods: {list: {}}\n";
const OLD: &str = "resource: deals\nobject: OldDeal\nfields: [Id]\nresponse_mapping: 'response.{\"id\": Id}'\nmethods: {list: {}}\n";

#[test]
fn a_resource_may_have_further_documents() {
    let deals = format!("{DEALS}also: [{{document: old, ids: '^9'}}]\n");
    let catalog = catalog(&[("acme/crm/deals.yaml", &deals), ("acme/crm/deals.old.yaml", OLD)]).unwrap();
    let names: Vec<&str> = catalog.provider_resources("acme").collect();
    assert_eq!(names, ["deals"], "callers know the resource alone");
    let plan = catalog.plan("acme", "deals", &[]).unwrap();
    assert_eq!(plan.parts().collect::<Vec<_>>(), ["old"]);
    assert_eq!((plan.part_of("91"), plan.part_of("19")), (Some("old"), None));
    let own = "fields: [Extra__c]";
    let overrides = [OverrideSource {
        level_name: "tenant",
        document: own,
    }];
    let part = catalog.part_plan("acme", "deals", "old", &overrides).unwrap();
    assert_eq!(
        (part.resource.as_str(), part.object.as_str()),
        ("deals", "OldDeal")
    );
    assert!(
        part.fields.contains(&"Extra__c".to_owned()),
        "overrides lie over each document"
    );
    assert_eq!(catalog.resource_of("acme", "Deal"), Some("deals"));
}

#[test]
fn further_documents_are_named_and_there() {
    let named = format!("{DEALS}also: [{{document: old, ids: '^9'}}]\n");
    let pattern = format!("{DEALS}also: [{{document: old, ids: '['}}]\n");
    for (files, told) in [
        (
            vec![("acme/crm/deals.yaml", named.as_str())],
            "there is no deals.old.yaml",
        ),
        (
            vec![("acme/crm/deals.yaml", DEALS), ("acme/crm/deals.old.yaml", OLD)],
            "deals.yaml does not name it",
        ),
        (
            vec![("acme/crm/deals.old.yaml", OLD)],
            "deals.yaml does not name it",
        ),
        (
            vec![("acme/crm/deals.yaml", pattern.as_str())],
            "`ids` is no pattern",
        ),
    ] {
        let error = catalog(&files)
            .err()
            .unwrap_or_else(|| panic!("accepted: {told}"));
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn rows_and_records_are_named_as_fields_are() {
    let catalog = catalog(&[("acme/crm/deals.yaml", DEALS)]).unwrap();
    let lay = |document: &str| {
        let overrides = [OverrideSource {
            level_name: "tenant",
            document,
        }];
        catalog.plan("acme", "deals", &overrides)
    };
    let plan = lay(
        "only: {Kind: [a, 1], Open: true}\nchildren: {Roles: {fields: [Id, 'Role?'], fills: [contacts]}}\n",
    )
    .unwrap();
    assert_eq!(plan.only["Kind"], [json!("a"), json!(1)]);
    assert_eq!(plan.only["Open"], [json!(true)]);
    assert_eq!(plan.children["Roles"].fields, ["Id", "Role?"]);
    assert_eq!(plan.sources["only.Kind"], "tenant");
    for (document, place) in [
        ("only: {'Kind = 1 OR Id': a}", "only"),
        ("only: {Kind: []}", "only.Kind"),
        ("only: {Kind: [null]}", "only.Kind"),
        ("only: {Kind: {a: b}}", "only.Kind"),
        ("children: {'Roles) FROM User': {fields: [Id]}}", "children"),
        ("children: {Roles.Deep: {fields: [Id]}}", "children"),
        ("children: {Roles: {fields: []}}", "children.Roles"),
        ("children: {Roles: {fields: ['Id, Secret']}}", "children.Roles"),
        ("also: [{document: old, ids: '^9'}]", "also"),
        ("actions: {wipe: {request: '{}', reply: '{}'}}", "actions"),
    ] {
        let error = lay(document)
            .err()
            .unwrap_or_else(|| panic!("accepted: {document}"));
        assert_eq!(error.key.as_deref(), Some(place), "{document}: {error}");
    }
    let many: Vec<String> = (0..21)
        .map(|number| format!("  R{number}: {{fields: [Id]}}\n"))
        .collect();
    let many = many.concat();
    assert!(
        lay(&format!("children:\n{many}")).is_err(),
        "more than a statement may hold"
    );
    let gone = lay("only: {Kind: null}\nchildren: {Roles: null}").unwrap();
    assert!(gone.only.is_empty() && gone.children.is_empty());
}
