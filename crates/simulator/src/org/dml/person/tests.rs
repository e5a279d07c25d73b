use serde_json::{Value, json};

use crate::org::{ApiError, Caller, DmlOptions, Org, OrgOptions};

fn org() -> (Org, Caller) {
    let org = Org::new(OrgOptions {
        accounts: 20,
        contacts: 20,
        leads: 0,
        opportunities: 0,
        cases: 0,
        tasks: 0,
        events: 0,
        person_accounts: true,
        ..OrgOptions::default()
    });
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    (org, caller)
}

fn create(org: &Org, caller: &Caller, body: &Value) -> Result<String, Vec<ApiError>> {
    let body = body.as_object().expect("an object");
    org.create(caller, "Account", body, &DmlOptions::default())
}

fn update(org: &Org, caller: &Caller, object: &str, id: &str, body: &Value) -> Result<(), Vec<ApiError>> {
    let body = body.as_object().expect("an object");
    org.update(caller, object, id, body, &DmlOptions::default())
}

fn row(org: &Org, object: &str, id: &Value) -> Value {
    let rows = org.raw_records(object);
    rows.into_iter().find(|row| row["Id"] == *id).expect("a row")
}

#[test]
fn a_person_is_kept_alike_on_both_sides() {
    let (org, caller) = org();
    let body = json!({
        "LastName": "Noether", "FirstName": "Emmy", "PersonEmail": "emmy@example.com", "PersonMailingCity": "Göttingen",
        "Languages__pc": "German", "Phone": "+49 1",
    });
    let id = json!(create(&org, &caller, &body).expect("an account"));
    let account = row(&org, "Account", &id);
    assert_eq!(
        (&account["Name"], &account["IsPersonAccount"]),
        (&json!("Emmy Noether"), &json!(true))
    );
    let contact_id = account["PersonContactId"].clone();
    let contact = row(&org, "Contact", &contact_id);
    for (field, wanted) in [
        ("Name", json!("Emmy Noether")),
        ("Email", json!("emmy@example.com")),
        ("MailingCity", json!("Göttingen")),
        ("Phone", json!("+49 1")),
        ("AccountId", id.clone()),
        ("IsPersonAccount", json!(true)),
    ] {
        assert_eq!(contact[field], wanted, "{field}");
    }

    let contact_text = contact_id.as_str().expect("an id");
    let body = json!({ "Email": "new@example.com", "LastName": "N." });
    update(&org, &caller, "Contact", contact_text, &body).expect("a change");
    let account = row(&org, "Account", &id);
    assert_eq!(
        (&account["PersonEmail"], &account["Name"]),
        (&json!("new@example.com"), &json!("Emmy N."))
    );
    let account_text = id.as_str().expect("an id");
    update(
        &org,
        &caller,
        "Account",
        account_text,
        &json!({ "PersonTitle": "Dr." }),
    )
    .expect("a change");
    let contact = row(&org, "Contact", &contact_id);
    assert_eq!(
        (&contact["Title"], &contact["LastName"]),
        (&json!("Dr."), &json!("N."))
    );

    assert_eq!(
        org.delete(&caller, "Contact", contact_text).expect_err("refused")[0].code,
        "DELETE_FAILED"
    );
    org.delete(&caller, "Account", account_text).expect("deleted");
    assert_eq!(row(&org, "Contact", &contact_id)["IsDeleted"], true);
}

#[test]
fn a_company_has_no_part_of_a_person_and_a_persons_name_has_parts() {
    let (org, caller) = org();
    for (body, field) in [
        (
            json!({ "Name": "Acme", "PersonEmail": "a@example.com" }),
            "PersonEmail",
        ),
        (json!({ "Name": "Acme", "LastName": "Noether" }), "Name"),
    ] {
        let error = create(&org, &caller, &body).expect_err("refused").remove(0);
        assert_eq!(error.code, "INVALID_FIELD_FOR_INSERT_UPDATE", "{error:?}");
        assert_eq!(error.fields, Some(vec![field.to_owned()]), "{error:?}");
    }
    let company = create(&org, &caller, &json!({ "Name": "Acme" })).expect("an account");
    assert_eq!(
        row(&org, "Account", &json!(company))["PersonContactId"],
        Value::Null
    );
    let cleared = update(
        &org,
        &caller,
        "Account",
        &company,
        &json!({ "PersonEmail": null }),
    );
    assert!(cleared.is_ok(), "nothing stays nothing: {cleared:?}");
}

#[test]
fn seeded_people_have_their_contacts() {
    let (org, _) = org();
    let accounts = org.raw_records("Account");
    let people: Vec<&Value> = accounts
        .iter()
        .filter(|row| row["IsPersonAccount"] == true)
        .collect();
    assert!(!people.is_empty());
    for person in people {
        let contact = row(&org, "Contact", &person["PersonContactId"]);
        assert_eq!(
            (&contact["Name"], &contact["Email"]),
            (&person["Name"], &person["PersonEmail"])
        );
        assert_eq!(contact["CreatedDate"], person["CreatedDate"]);
    }
}
