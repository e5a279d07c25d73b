use serde_json::{Map, Value, json};

use crate::org::{ApiError, Caller, DmlOptions, Lookup, Org, OrgOptions, Upserted};

fn options() -> OrgOptions {
    OrgOptions {
        accounts: 20,
        contacts: 20,
        leads: 20,
        opportunities: 20,
        cases: 3,
        tasks: 30,
        events: 3,
        ..OrgOptions::default()
    }
}

fn org() -> (Org, Caller) {
    let org = Org::new(options());
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    (org, caller)
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn create(org: &Org, caller: &Caller, object: &str, body: &Value) -> Result<String, Vec<ApiError>> {
    org.create(caller, object, &map(body), &DmlOptions::default())
}

fn refusal(result: Result<String, Vec<ApiError>>) -> ApiError {
    let mut errors = result.expect_err("refused");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[track_caller]
fn check(error: &ApiError, status: u16, code: &str, message: &str, fields: Option<&[&str]>) {
    let got = error
        .fields
        .as_ref()
        .map(|fields| fields.iter().map(String::as_str).collect::<Vec<&str>>());
    assert_eq!(
        (error.status, error.code.as_str(), error.message.as_str()),
        (status, code, message)
    );
    assert_eq!(got.as_deref(), fields);
}

#[test]
fn refuses_with_the_corpus_texts() {
    let (org, caller) = org();
    let contact = |body: Value| refusal(create(&org, &caller, "Contact", &body));
    check(
        &contact(json!({})),
        400,
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [LastName]",
        Some(&["LastName"]),
    );
    check(
        &refusal(create(
            &org,
            &caller,
            "Account",
            &json!({"Name": "x", "AccountNumer": "1"}),
        )),
        400,
        "INVALID_FIELD",
        "No such column 'AccountNumer' on sobject of type Account",
        None,
    );
    let long = "A".repeat(81);
    check(
        &contact(json!({"LastName": long})),
        400,
        "STRING_TOO_LONG",
        &format!("Last Name: data value too large: {long} (max length=80)"),
        Some(&["LastName"]),
    );
    check(
        &contact(json!({"LastName": "x", "Email": "not-an-email"})),
        400,
        "INVALID_EMAIL_ADDRESS",
        "Email: invalid email address: not-an-email",
        Some(&["Email"]),
    );
    check(
        &contact(json!({"LastName": "x", "Segment__c": "X"})),
        400,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Segment: bad value for restricted picklist field: X",
        Some(&["Segment__c"]),
    );
    assert!(
        create(
            &org,
            &caller,
            "Contact",
            &json!({"LastName": "x", "LeadSource": "Anything goes"})
        )
        .is_ok(),
        "unrestricted"
    );
}

#[test]
fn refuses_fields_and_references_with_the_corpus_texts() {
    let (org, caller) = org();
    let contact = |body: Value| refusal(create(&org, &caller, "Contact", &body));
    check(
        &refusal(create(
            &org,
            &caller,
            "Account",
            &json!({"Name": "x", "MasterRecordId": null}),
        )),
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "Unable to create/update fields: MasterRecordId. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
        Some(&["MasterRecordId"]),
    );
    check(
        &contact(json!({"LastName": "x", "AccountId": "003dM00001vWOXJQA4"})),
        400,
        "MALFORMED_ID",
        "Account ID: id value of incorrect type: 003dM00001vWOXJQA4",
        Some(&["AccountId"]),
    );
    check(
        &contact(json!({"LastName": "x", "AccountId": "001dM00003jU9GxQAK"})),
        400,
        "INVALID_CROSS_REFERENCE_KEY",
        "invalid cross reference id",
        Some(&[]),
    );
    let first = create(&org, &caller, "Account", &json!({"Name": "x", "Ext_Id__c": "E1"})).expect("created");
    check(
        &refusal(create(
            &org,
            &caller,
            "Account",
            &json!({"Name": "y", "Ext_Id__c": "e1"}),
        )),
        400,
        "DUPLICATE_VALUE",
        &format!("duplicate value found: Ext_Id__c duplicates value on record with id: {first}"),
        Some(&[]),
    );
    check(
        &contact(json!({"LastName": "x", "Birthdate": "2026-13-01"})),
        400,
        "JSON_PARSER_ERROR",
        "Cannot deserialize instance of date from VALUE_STRING value 2026-13-01 or request may be missing a required field at [line:1, column:2]",
        None,
    );
    check(
        &refusal(create(&org, &caller, "Nothing__c", &json!({}))),
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
        None,
    );
    assert_eq!(
        refusal(create(&org, &caller, "OpportunityStage", &json!({}))).status,
        405
    );
}

#[test]
fn updates_and_deletes_answer_for_every_kind_of_id() {
    let (org, caller) = org();
    let update =
        |id: &str, body: Value| org.update(&caller, "Account", id, &map(&body), &DmlOptions::default());
    let one = |result: Result<(), Vec<ApiError>>| refusal(result.map(|()| String::new()));
    let id = create(&org, &caller, "Account", &json!({"Name": "x", "Phone": "1"})).expect("created");
    update(&id[..15], json!({"Name": "y", "phone": null})).expect("15 characters, lower-case name");
    let row = org.retrieve(&caller, "account", &id, None, "60.0").expect("row");
    assert_eq!((&row["Name"], &row["Phone"]), (&json!("y"), &Value::Null));
    check(
        &one(update("001RM000003oLrB000", json!({}))),
        400,
        "MALFORMED_ID",
        "malformed id 001RM000003oLrB000",
        Some(&[]),
    );
    check(
        &one(update("003dM00001vWOXJQA4", json!({}))),
        400,
        "MALFORMED_ID",
        "Account ID: id value of incorrect type: 003dM00001vWOXJQA4",
        Some(&["Id"]),
    );
    check(
        &one(update("001dM00003jU9GxQAK", json!({}))),
        404,
        "INVALID_CROSS_REFERENCE_KEY",
        "invalid cross reference id",
        None,
    );
    check(
        &one(update(&id, json!({"Id": id}))),
        400,
        "INVALID_FIELD",
        "The Id field should not be specified in the sobject data.",
        Some(&["Id"]),
    );
    check(
        &one(update(&id, json!({"Name": null}))),
        400,
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [Name]",
        Some(&["Name"]),
    );
    let child = create(
        &org,
        &caller,
        "Contact",
        &json!({"LastName": "c", "AccountId": id}),
    )
    .expect("created");
    org.delete(&caller, "Account", &id).expect("deleted");
    for result in [
        org.delete(&caller, "Account", &id),
        update(&id, json!({})),
        org.delete(&caller, "Contact", &child),
    ] {
        check(
            &one(result),
            404,
            "ENTITY_IS_DELETED",
            "entity is deleted",
            Some(&[]),
        );
    }
    let gone = org
        .retrieve(&caller, "Account", &id, None, "60.0")
        .expect_err("deleted");
    check(&gone, 404, "ENTITY_IS_DELETED", "entity is deleted", Some(&[]));
    let never = org
        .retrieve(&caller, "Account", "001dM00003jU9GxQAK", None, "60.0")
        .expect_err("never there");
    check(
        &never,
        404,
        "NOT_FOUND",
        "The requested resource does not exist",
        None,
    );
    assert!(never.code_first);
    assert_eq!(one(org.delete(&caller, "User", &caller.user_id)).status, 405);
}

#[test]
fn derives_what_salesforce_derives() {
    let (org, caller) = org();
    let get = |object: &str, id: &str| org.retrieve(&caller, object, id, None, "60.0").expect("row");
    let contact = create(
        &org,
        &caller,
        "Contact",
        &json!({"LastName": "O'Brien ", "FirstName": " Zoë", "Email": ""}),
    )
    .expect("created");
    let row = get("Contact", &contact);
    assert_eq!(
        (&row["Name"], &row["Email"], &row["OwnerId"]),
        (&json!("Zoë O'Brien"), &Value::Null, &json!(caller.user_id))
    );
    let body = json!({"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-05-31", "Amount": "200"});
    let deal = create(&org, &caller, "Opportunity", &body).expect("created");
    let row = get("Opportunity", &deal);
    assert_eq!(
        (&row["IsClosed"], &row["IsWon"], &row["ForecastCategory"]),
        (&json!(true), &json!(true), &json!("Closed"))
    );
    assert_eq!(
        (&row["Probability"], &row["ExpectedRevenue"], &row["Fiscal"]),
        (&json!(100.0), &json!(200.0), &json!("2026 2"))
    );
    let change = map(&json!({"StageName": "Prospecting", "Probability": 33}));
    org.update(&caller, "Opportunity", &deal, &change, &DmlOptions::default())
        .expect("updated");
    let row = get("Opportunity", &deal);
    assert_eq!(
        (&row["IsClosed"], &row["Probability"]),
        (&json!(false), &json!(33.0))
    );
}

#[test]
fn derives_what_salesforce_derives_for_activities_and_cases() {
    let (org, caller) = org();
    let get = |object: &str, id: &str| org.retrieve(&caller, object, id, None, "60.0").expect("row");
    let contact = create(&org, &caller, "Contact", &json!({"LastName": "O'Brien"})).expect("created");
    let task = create(
        &org,
        &caller,
        "Task",
        &json!({"Subject": "Call", "Status": "Completed", "Priority": "High", "WhoId": contact}),
    )
    .expect("created");
    let row = get("Task", &task);
    assert_eq!(
        (&row["IsClosed"], &row["IsHighPriority"], &row["WhoCount"]),
        (&json!(true), &json!(true), &json!(1))
    );
    let event =
        json!({"Subject": "Demo", "StartDateTime": "2026-05-01T09:25:37+02:00", "DurationInMinutes": 30});
    let row = get("Event", &create(&org, &caller, "Event", &event).expect("created"));
    assert_eq!(row["EndDateTime"], "2026-05-01T07:55:37.000+0000");
    assert_eq!(
        refusal(create(&org, &caller, "Event", &json!({"Subject": "x"}))).code,
        "REQUIRED_FIELD_MISSING"
    );
    let case = get(
        "Case",
        &create(&org, &caller, "Case", &json!({"ContactId": contact})).expect("created"),
    );
    assert_eq!(
        (&case["Status"], &case["IsClosed"]),
        (&json!("New"), &json!(false))
    );
    assert!(case["CaseNumber"].is_string());
    let address = create(
        &org,
        &caller,
        "Account",
        &json!({"Name": "A", "BillingCity": "Paris"}),
    )
    .expect("created");
    assert_eq!(
        get("Account", &address)["BillingAddress"],
        json!({"city": "Paris", "country": null, "geocodeAccuracy": null, "latitude": null, "longitude": null, "postalCode": null, "state": null, "street": null})
    );
}

#[test]
fn upserts_by_external_id_create_update_or_name_the_many() {
    let (org, caller) = org();
    let upsert = |object: &str, field: &str, value: &str, body: Value| {
        org.upsert(&caller, object, field, value, &map(&body), &DmlOptions::default())
    };
    let Upserted::Created(id) =
        upsert("Contact", "ext_id__c", "K/1 ü", json!({"LastName": "a"})).expect("created")
    else {
        panic!("a new row")
    };
    assert_eq!(
        upsert("Contact", "Ext_Id__c", "k/1 Ü", json!({"LastName": "b"})).expect("updated"),
        Upserted::Updated(id.clone())
    );
    let nameless = upsert("Contact", "Namez", "x", json!({}))
        .expect_err("no such field")
        .remove(0);
    check(
        &nameless,
        404,
        "NOT_FOUND",
        "Provided external ID field does not exist or is not accessible: Namez",
        None,
    );
    assert_eq!(
        upsert(
            "Contact",
            "Ext_Id__c",
            "k",
            json!({"LastName": "b", "Ext_Id__c": "k"})
        )
        .expect_err("repeats the key")[0]
            .code,
        "INVALID_FIELD"
    );
    for last in ["p", "q"] {
        create(
            &org,
            &caller,
            "Contact",
            &json!({"LastName": last, "Email": "twins@example.com"}),
        )
        .expect("created");
    }
    let Upserted::Multiple(paths) =
        upsert("Contact", "Email", "TWINS@example.com", json!({})).expect("several")
    else {
        panic!("several rows")
    };
    assert!(
        paths.len() == 2
            && paths
                .iter()
                .all(|path| path.starts_with("/services/data/v60.0/sobjects/Contact/003"))
    );
    assert_eq!(
        org.retrieve_by_external_id(&caller, "Contact", "Email", "twins@example.com", None, "60.0")
            .expect("several"),
        Lookup::Many(paths)
    );
}

#[test]
fn upserts_only_update_when_told_and_bodies_name_parents_by_external_id() {
    let (org, caller) = org();
    let strict = DmlOptions {
        update_only: true,
        ..DmlOptions::default()
    };
    assert_eq!(
        org.upsert(
            &caller,
            "Contact",
            "Ext_Id__c",
            "new",
            &map(&json!({"LastName": "x"})),
            &strict
        )
        .expect_err("missing")[0]
            .status,
        404
    );
    create(
        &org,
        &caller,
        "Account",
        &json!({"Name": "Parent", "Ext_Id__c": "P1"}),
    )
    .expect("created");
    let child = create(
        &org,
        &caller,
        "Contact",
        &json!({"LastName": "c", "Account": {"Ext_Id__c": "P1"}}),
    )
    .expect("created");
    assert!(
        org.retrieve(
            &caller,
            "Contact",
            &child,
            Some(&["AccountId".to_owned()]),
            "60.0"
        )
        .expect("row")["AccountId"]
            .is_string()
    );
    let lost = refusal(create(
        &org,
        &caller,
        "Contact",
        &json!({"LastName": "c", "Account": {"Ext_Id__c": "P2"}}),
    ));
    check(
        &lost,
        400,
        "INVALID_FIELD",
        "Foreign key external ID: p2 not found for field Ext_Id__c in entity Account",
        None,
    );
}

#[test]
fn rules_an_admin_sets_refuse_rows() {
    let (org, caller) = org();
    org.set_validation_rule(
        "Opportunity",
        ("StageName".to_owned(), json!("Closed Lost")),
        "Close date must be in the future.".to_owned(),
        None,
    )
    .expect("set");
    let body = json!({"Name": "x", "StageName": "Closed Lost", "CloseDate": "2026-01-01"});
    check(
        &refusal(create(&org, &caller, "Opportunity", &body)),
        400,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Close date must be in the future.",
        Some(&[]),
    );
    org.clear_validation_rules("Opportunity").expect("cleared");
    create(&org, &caller, "Opportunity", &body).expect("created");

    org.set_duplicate_rule("Lead", true, true).expect("set");
    let lead = json!({"LastName": "x", "Company": "c", "Email": "dup@example.com"});
    let first = create(&org, &caller, "Lead", &lead).expect("created");
    let error = refusal(create(&org, &caller, "Lead", &lead));
    check(
        &error,
        400,
        "DUPLICATES_DETECTED",
        "Use one of these records?",
        Some(&[]),
    );
    let (key, extra) = error.extra.expect("the match").remove(0);
    assert_eq!(key, "duplicateResut");
    assert_eq!(extra["duplicateRule"], "Standard_Lead_Duplicate_Rule");
    assert_eq!(
        extra["matchResults"][0]["matchRecords"][0]["record"]["Id"],
        json!(first)
    );
    let allow = DmlOptions {
        allow_duplicates: true,
        ..DmlOptions::default()
    };
    org.create(&caller, "Lead", &map(&lead), &allow)
        .expect("saved anyway");
    assert!(org.set_duplicate_rule("Case", true, true).is_err());
}

#[test]
fn admins_hide_rename_add_and_remove_fields() {
    let (org, caller) = org();
    org.add_field(
        "Contact",
        &json!({"name": "Score__c", "type": "double", "scale": 2, "unique": true}),
    )
    .expect("added");
    let id = create(&org, &caller, "Contact", &json!({"LastName": "x", "Score__c": 7})).expect("created");
    org.rename_field("Contact", "Score__c", "Rating__c")
        .expect("renamed");
    let fields = ["Rating__c".to_owned()];
    assert_eq!(
        org.retrieve(&caller, "Contact", &id, Some(&fields), "60.0")
            .expect("row")["Rating__c"],
        json!(7.0)
    );
    org.hide_field("Contact", "Rating__c", None).expect("hidden");
    assert_eq!(
        org.retrieve(&caller, "Contact", &id, Some(&fields), "60.0")
            .expect_err("hidden")
            .code,
        "INVALID_FIELD"
    );
    assert_eq!(
        refusal(create(
            &org,
            &caller,
            "Contact",
            &json!({"LastName": "x", "Rating__c": 1})
        ))
        .code,
        "INVALID_FIELD"
    );
    org.show_field("Contact", "Rating__c", None).expect("shown");
    org.remove_field("Contact", "Rating__c").expect("removed");
    assert!(
        org.describe(&caller, "Contact", "60.0").expect("describe")["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .all(|field| field["name"] != "Rating__c")
    );
    for (result, why) in [
        (org.remove_field("Contact", "LastName"), "standard"),
        (org.rename_field("Contact", "Nope__c", "X__c"), "no field"),
        (
            org.add_field("Contact", &json!({"name": "bad name__c", "type": "double"})),
            "no custom field name",
        ),
        (
            org.add_field("Contact", &json!({"name": "A__c", "type": "matrix"})),
            "matrix",
        ),
        (org.hide_field("Nope", "A", None), "no object"),
    ] {
        assert!(result.expect_err(why).contains(why));
    }
}

#[test]
fn stamps_and_ids_only_grow() {
    let (org, caller) = org();
    let mut last = (String::new(), String::new());
    for step in 0..70_i64 {
        org.set_now_ms(options().now_ms + step * 700 - (step % 3) * 5_000);
        let id = create(&org, &caller, "Account", &json!({"Name": "x"})).expect("created");
        let stamp = org.retrieve(&caller, "Account", &id, None, "60.0").expect("row")["SystemModstamp"]
            .as_str()
            .expect("stamp")
            .to_owned();
        assert!(stamp >= last.0 && id[..15] > *last.1, "{stamp} {id}");
        last = (stamp, id[..15].to_owned());
    }
    let updated = org
        .updated("Account", options().now_ms - 1_000, options().now_ms + 3_600_000)
        .expect("window");
    assert!(updated["ids"].as_array().expect("ids").len() >= 70);
    assert_eq!(org.recent(&caller, 5, "60.0").len(), 5);
}

#[test]
fn notes_are_linked_as_documents() {
    let (org, caller) = org();
    let note = create(
        &org,
        &caller,
        "ContentNote",
        &json!({"Title": "n", "Content": super::base64_text("hello")}),
    )
    .expect("created");
    assert_eq!(
        org.blob(&caller, "ContentNote", &note, "Content").expect("blob"),
        super::base64_text("hello")
    );
    let account = create(&org, &caller, "Account", &json!({"Name": "x"})).expect("created");
    create(
        &org,
        &caller,
        "ContentDocumentLink",
        &json!({"ContentDocumentId": note, "LinkedEntityId": account}),
    )
    .expect("linked");
    let soql = format!(
        "SELECT ContentDocument.Title, ShareType FROM ContentDocumentLink WHERE LinkedEntityId = '{account}'"
    );
    let rows = org.query(&caller, &soql, false, "60.0").expect("query").all(&org);
    assert_eq!(
        (&rows[0]["ContentDocument"]["Title"], &rows[0]["ShareType"]),
        (&json!("n"), &json!("V"))
    );
}

#[test]
fn assignment_rules_take_new_rows_unless_switched_off() {
    let (org, caller) = org();
    let queue = org.raw_records("Group")[0]["Id"].as_str().expect("id").to_owned();
    org.set_assignment_rule("Lead", Some(&queue)).expect("set");
    let body = map(&json!({"LastName": "x", "Company": "c", "OwnerId": caller.user_id}));
    let owner = |auto_assign: bool| {
        let options = DmlOptions {
            auto_assign,
            ..DmlOptions::default()
        };
        let id = org.create(&caller, "Lead", &body, &options).expect("created");
        org.retrieve(&caller, "Lead", &id, None, "60.0").expect("row")["OwnerId"].clone()
    };
    assert_eq!((owner(true), owner(false)), (json!(queue), json!(caller.user_id)));
    assert!(org.set_assignment_rule("Contact", Some(&queue)).is_err());
}

#[test]
fn person_accounts_and_country_picklists_follow_their_rules() {
    let org = Org::new(OrgOptions {
        person_accounts: true,
        state_country_picklists: true,
        ..options()
    });
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    let get = |id: &str| org.retrieve(&caller, "Account", id, None, "60.0").expect("row");
    let person = get(&create(
        &org,
        &caller,
        "Account",
        &json!({"LastName": "Person", "FirstName": "A"}),
    )
    .expect("created"));
    assert_eq!(
        (&person["Name"], &person["IsPersonAccount"]),
        (&json!("A Person"), &json!(true))
    );
    check(
        &refusal(create(&org, &caller, "Account", &json!({}))),
        400,
        "REQUIRED_FIELD_MISSING",
        "Required fields are missing: [Name]",
        Some(&["Name"]),
    );
    let coded = get(&create(
        &org,
        &caller,
        "Account",
        &json!({"Name": "x", "BillingCountryCode": "DE", "BillingCountry": "Nowhere"}),
    )
    .expect("the code wins"));
    assert_eq!(
        (&coded["BillingCountry"], &coded["BillingAddress"]["countryCode"]),
        (&json!("Germany"), &json!("DE"))
    );
    let named = get(&create(
        &org,
        &caller,
        "Account",
        &json!({"Name": "x", "BillingCountry": "france"}),
    )
    .expect("a label"));
    assert_eq!(named["BillingCountryCode"], "FR");
    assert_eq!(
        refusal(create(
            &org,
            &caller,
            "Account",
            &json!({"Name": "x", "BillingCountry": "Atlantis"})
        ))
        .code,
        "FIELD_INTEGRITY_EXCEPTION"
    );
}
