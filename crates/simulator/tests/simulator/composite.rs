//! The composite family: references, transactions, positional results.

use serde_json::{Value, json};

use crate::support::{Api, start};

async fn count(api: &Api, name: &str) -> Value {
    let soql = crate::support::escape(&format!("SELECT Id FROM Account WHERE Name = '{name}'"));
    api.get(&format!("/query?q={soql}")).await.json()["totalSize"].clone()
}

#[tokio::test]
async fn references_carry_values_between_subrequests() {
    let api = start().await;
    let body = json!({"compositeRequest": [
        {"method": "POST", "url": "/services/data/v60.0/sobjects/Account", "referenceId": "acc",
         "body": {"Name": "Composite"}},
        {"method": "GET", "url": "/services/data/v60.0/sobjects/Account/@{acc.id}?fields=Name", "referenceId": "got"},
        {"method": "POST", "url": "/services/data/v60.0/sobjects/Contact", "referenceId": "con",
         "body": {"LastName": "@{got.Name}", "AccountId": "@{acc.id}"}},
        {"method": "GET", "url": "/services/data/v60.0/query?q=SELECT+Id+FROM+Contact+WHERE+AccountId='@{acc.id}'",
         "referenceId": "found"},
        {"method": "PATCH", "url": "/services/data/v60.0/sobjects/Contact/@{found.records[0].Id}",
         "referenceId": "patched", "body": {"Title": "Chief"}},
        {"method": "GET", "url": "/services/data/v60.0/sobjects/Contact/@{con.Id}", "referenceId": "wrongcase"},
    ]});
    let reply = api.json("POST", "/composite", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answers = reply.json()["compositeResponse"].clone();
    let statuses: Vec<u64> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["httpStatusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 200, 201, 200, 204, 400], "{answers}");
    assert!(
        answers[0]["httpHeaders"]["Location"]
            .as_str()
            .unwrap()
            .contains("/sobjects/Account/001")
    );
    assert_eq!(answers[1]["body"]["Name"], "Composite");
    assert_eq!(answers[4]["body"], Value::Null);
    assert_eq!(
        answers[5]["body"][0]["errorCode"], "PROCESSING_HALTED",
        "names are case-sensitive"
    );
    assert_eq!(reply.header("sforce-limit-info"), "api-usage=1/15000", "one call");
}

#[tokio::test]
async fn all_or_none_undoes_everything_and_names_the_one_that_failed() {
    let api = start().await;
    let account = |reference: &str, body: Value| json!({"method": "POST", "url": "/services/data/v60.0/sobjects/Account", "referenceId": reference, "body": body});
    let list = json!([
        account("a", json!({"Name": "Undone"})),
        account("b", json!({"Nam": "x"})),
        account("c", json!({"Name": "Undone"})),
    ]);
    let body = json!({"allOrNone": true, "compositeRequest": list});
    let reply = api.json("POST", "/composite", &body).await;
    assert_eq!(reply.status, 200);
    let answers = reply.json()["compositeResponse"].clone();
    let halted = json!([{
        "errorCode": "PROCESSING_HALTED",
        "message": "The transaction was rolled back since another operation in the same transaction failed.",
    }]);
    assert_eq!(answers[0]["body"], halted);
    assert_eq!(answers[1]["body"][0]["errorCode"], "INVALID_FIELD");
    assert_eq!(answers[2]["body"], halted);
    assert_eq!(answers[2]["referenceId"], "c");
    assert_eq!(count(&api, "Undone").await, 0);
    let raw = api.visit("/__control/records/Account", "").await.text();
    assert!(!raw.contains("Undone"), "not even as a deleted row");

    let body = json!({"compositeRequest": list});
    api.json("POST", "/composite", &body).await;
    assert_eq!(count(&api, "Undone").await, 2, "without it the others stand");
}

#[tokio::test]
async fn malformed_composites_fail_whole() {
    let api = start().await;
    let one = |change: fn(&mut Value)| {
        let mut request = json!({"method": "GET", "url": "/services/data/v60.0/limits", "referenceId": "r1"});
        change(&mut request);
        json!({"compositeRequest": [request]})
    };
    let cases = [
        json!({}),
        json!({"compositeRequest": []}),
        one(|request| request["referenceId"] = json!("a-b")),
        one(|request| request["referenceId"] = json!("_a")),
        one(|request| request["method"] = json!("get")),
        one(|request| request["url"] = json!("https://evil.example/services/data/v60.0/limits")),
        one(|request| request["url"] = json!("/services/apexrest/x")),
        one(|request| request["httpHeaders"] = json!({"Authorization": "Bearer x"})),
    ];
    for body in cases {
        let reply = api.json("POST", "/composite", &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()[0]["errorCode"], "JSON_PARSER_ERROR", "{body}");
    }
    let many: Vec<Value> = (0..26)
        .map(|n| json!({"method": "GET", "url": "/services/data/v60.0/limits", "referenceId": format!("r{n}")}))
        .collect();
    assert_eq!(
        api.json("POST", "/composite", &json!({"compositeRequest": many}))
            .await
            .status,
        400
    );
    let queries: Vec<Value> = (0..6)
        .map(|n| {
            let url = "/services/data/v60.0/query?q=SELECT+Id+FROM+Account";
            json!({"method": "GET", "url": url, "referenceId": format!("r{n}")})
        })
        .collect();
    assert_eq!(
        api.json("POST", "/composite", &json!({"compositeRequest": queries}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_long_query_fits_into_a_composite() {
    let api = start().await;
    let list = vec!["'00100000000000AAAA'"; 1_000].join(",");
    let url = format!("/services/data/v60.0/query?q=SELECT+Id+FROM+Account+WHERE+Name+IN+({list})");
    assert!(url.len() > 16_384);
    let body = json!({"compositeRequest": [{"method": "GET", "url": url, "referenceId": "q"}]});
    let answer = api.json("POST", "/composite", &body).await.json();
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 200, "{answer}");
}

#[tokio::test]
async fn batches_halt_when_asked() {
    let api = start().await;
    let requests = json!([
        {"method": "GET", "url": "v60.0/limits"},
        {"method": "GET", "url": "v60.0/sobjects/Nope"},
        {"method": "POST", "url": "v60.0/sobjects/Account", "richInput": {"Name": "Batched"}},
    ]);
    let body = json!({"haltOnError": true, "batchRequests": requests});
    let answer = api.json("POST", "/composite/batch", &body).await.json();
    assert_eq!(answer["hasErrors"], true);
    let statuses: Vec<&Value> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["statusCode"])
        .collect();
    assert_eq!(statuses, [200, 404, 412]);
    assert_eq!(
        answer["results"][2]["result"][0]["errorCode"],
        "BATCH_PROCESSING_HALTED"
    );
    let body = json!({"batchRequests": requests});
    let answer = api.json("POST", "/composite/batch", &body).await.json();
    assert_eq!(answer["results"][2]["statusCode"], 201);
}

fn account(body: &Value) -> Value {
    let mut record = json!({"attributes": {"type": "Account"}});
    for (key, value) in body.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

#[tokio::test]
async fn collections_answer_200_by_position() {
    let api = start().await;
    let records = [
        account(&json!({"Name": "First"})),
        account(&json!({"Nam": "x"})),
        account(&json!({"Name": "Third"})),
    ];
    let reply = api
        .json(
            "POST",
            "/composite/sobjects",
            &json!({"allOrNone": false, "records": records}),
        )
        .await;
    assert_eq!(reply.status, 200);
    let results = reply.json();
    assert_eq!(results[0]["success"], true);
    assert_eq!(
        results[1],
        json!({"success": false, "errors": [{
            "statusCode": "INVALID_FIELD",
            "message": "No such column 'Nam' on sobject of type Account",
            "fields": [],
        }]})
    );
    assert!(results[1].get("id").is_none());
    let (first, third) = (
        results[0]["id"].as_str().unwrap(),
        results[2]["id"].as_str().unwrap(),
    );

    let records = [
        account(&json!({"id": third, "Name": "Third again"})),
        account(&json!({"id": "003000000000001AAA", "Name": "x"})),
        account(&json!({"Name": "no id"})),
    ];
    let results = api
        .json("PATCH", "/composite/sobjects", &json!({"records": records}))
        .await
        .json();
    assert_eq!(results[0], json!({"id": third, "success": true, "errors": []}));
    assert_eq!(
        results[1]["errors"][0],
        json!({"statusCode": "MALFORMED_ID", "message": "Account ID: id value of incorrect type: 003000000000001AAA", "fields": ["Id"]})
    );
    assert_eq!(results[2]["errors"][0]["statusCode"], "MISSING_ARGUMENT");

    let path = format!("/composite/sobjects/Account?ids={third},001000000000001AAA,{first}&fields=Name");
    let rows = api.get(&path).await.json();
    assert_eq!(rows[0]["Name"], "Third again");
    assert_eq!(rows[1], Value::Null);
    assert_eq!(rows[2]["Name"], "First");
    let body = json!({"ids": [first, third], "fields": ["Id"]});
    assert_eq!(
        api.json("POST", "/composite/sobjects/Account", &body)
            .await
            .json()[1]["Id"],
        third
    );

    let path = format!("/composite/sobjects?ids={first},{third},001000000000001AAA&allOrNone=false");
    let results = api.json("DELETE", &path, &json!({})).await.json();
    assert_eq!(results[0]["success"], true);
    assert_eq!(
        results[2]["errors"][0]["statusCode"],
        "INVALID_CROSS_REFERENCE_KEY"
    );
    assert_eq!(count(&api, "First").await, 0);
}

#[tokio::test]
async fn all_or_none_collections_roll_back() {
    let api = start().await;
    let records = [account(&json!({"Name": "Rolled"})), account(&json!({"Nam": "x"}))];
    let results = api
        .json(
            "POST",
            "/composite/sobjects",
            &json!({"allOrNone": true, "records": records}),
        )
        .await
        .json();
    assert_eq!(
        results[0],
        json!({"success": false, "errors": [{
            "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
            "fields": [],
        }]})
    );
    assert_eq!(results[1]["errors"][0]["statusCode"], "INVALID_FIELD");
    assert_eq!(count(&api, "Rolled").await, 0);
}

#[tokio::test]
async fn malformed_collections_fail_whole() {
    let api = start().await;
    let empty = api
        .json("POST", "/composite/sobjects", &json!({"records": []}))
        .await;
    assert_eq!(
        (empty.status, empty.text().as_str()),
        (
            400,
            r#"[{"message":"At least 1 record is required","errorCode":"REQUIRED_FIELD_MISSING"}]"#
        )
    );
    let late = json!({"records": [{"Name": "x", "attributes": {"type": "Account"}}]});
    let late = api.json("POST", "/composite/sobjects", &late).await;
    assert_eq!(
        late.text(),
        r#"[{"message":"Nested object for polymorphic foreign key must have an attributes field before any other fields.","errorCode":"JSON_PARSER_ERROR"}]"#
    );
    let many: Vec<Value> = (0..201).map(|_| account(&json!({"Name": "x"}))).collect();
    let many = api
        .json("POST", "/composite/sobjects", &json!({"records": many}))
        .await;
    assert_eq!(
        (many.status, &many.json()[0]["errorCode"]),
        (400, &json!("EXCEEDED_ID_LIMIT"))
    );
    let mixed: Vec<Value> = (0..12)
        .map(|n| {
            let name = if n % 2 == 0 { "Account" } else { "Contact" };
            json!({"attributes": {"type": name}, "LastName": "x"})
        })
        .collect();
    assert_eq!(
        api.json("POST", "/composite/sobjects", &json!({"records": mixed}))
            .await
            .status,
        400
    );
    assert_eq!(count(&api, "x").await, 0);
}

#[tokio::test]
async fn collections_upsert_by_external_id() {
    let api = start().await;
    let contact =
        |name: &str| json!({"attributes": {"type": "Contact"}, "LastName": name, "Email": "up@example.com"});
    let path = "/composite/sobjects/Contact/Email";
    let body = json!({"records": [contact("One"), contact("Two")]});
    let results = api.json("PATCH", path, &body).await.json();
    assert_eq!(results[0]["created"], true, "{results}");
    assert_eq!(results[1]["created"], false, "{results}");
    assert_eq!(results[0]["id"], results[1]["id"]);
}

#[tokio::test]
async fn trees_are_made_whole_or_not_at_all() {
    let api = start().await;
    let tree = |email: &str| {
        json!({"records": [{
            "attributes": {"type": "Account", "referenceId": "ref1"}, "Name": "Tree",
            "Contacts": {"records": [{
                "attributes": {"type": "Contact", "referenceId": "ref2"}, "LastName": "Leaf", "Email": email,
            }]},
        }]})
    };
    let bad = api
        .json("POST", "/composite/tree/Account", &tree("not-an-email"))
        .await;
    assert_eq!(bad.status, 400);
    assert_eq!(
        bad.json(),
        json!({"hasErrors": true, "results": [{"referenceId": "ref2", "errors": [{
            "statusCode": "INVALID_EMAIL_ADDRESS", "message": "Email: invalid email address: not-an-email",
            "fields": ["Email"],
        }]}]})
    );
    assert_eq!(count(&api, "Tree").await, 0);
    let good = api
        .json("POST", "/composite/tree/Account/", &tree("leaf@example.com"))
        .await;
    assert_eq!(good.status, 201, "{}", good.text());
    let results = good.json()["results"].clone();
    assert_eq!(results[1]["referenceId"], "ref2");
    let path = format!(
        "/sobjects/Contact/{}?fields=AccountId",
        results[1]["id"].as_str().unwrap()
    );
    assert_eq!(api.get(&path).await.json()["AccountId"], results[0]["id"]);
}

#[tokio::test]
async fn graphs_stand_or_fall_each_for_itself() {
    let api = start().await;
    let graph = |id: &str, body: Value| {
        let url = "/services/data/v60.0/sobjects/Account";
        json!({"graphId": id, "compositeRequest": [
            {"method": "POST", "url": url, "referenceId": "a", "body": {"Name": format!("Graph{id}")}},
            {"method": "POST", "url": url, "referenceId": "b", "body": body},
        ]})
    };
    let body = json!({"graphs": [graph("1", json!({"Nam": "x"})), graph("2", json!({"Name": "y"}))]});
    let answer = api.json("POST", "/composite/graph", &body).await.json();
    assert_eq!(answer["graphs"][0]["isSuccessful"], false, "{answer}");
    assert_eq!(answer["graphs"][1]["isSuccessful"], true);
    assert_eq!(count(&api, "Graph1").await, 0);
    assert_eq!(count(&api, "Graph2").await, 1);
}
