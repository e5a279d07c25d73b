//! Error bodies, byte for byte as recorded.

use serde_json::json;

use crate::support::start;

#[tokio::test]
async fn sessions() {
    let api = start().await;
    let expected = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    let path = "/services/data/v60.0/limits";
    for headers in [
        vec![],
        vec![("authorization", "Bearer no")],
        vec![("authorization", "OAuth ")],
    ] {
        let reply = api.send("GET", path, &headers, "").await;
        assert_eq!((reply.status, reply.text().as_str()), (401, expected));
    }
    let basic = api
        .send("GET", path, &[("authorization", "Basic eDp5")], "")
        .await;
    assert_eq!(basic.status, 401);
    assert_eq!(basic.json()[0]["errorCode"], "INVALID_AUTH_HEADER");
    let narrow = api.control("session", json!({"scope": "id refresh_token"})).await;
    let bearer = format!("Bearer {}", narrow["access_token"].as_str().unwrap());
    let reply = api.send("GET", path, &[("authorization", &bearer)], "").await;
    assert_eq!(
        reply.text(),
        r#"[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]"#
    );
}

#[tokio::test]
async fn paths_and_methods() {
    let api = start().await;
    let not_found = r#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#;
    for path in [
        "/nope",
        "/sobjects/Nope",
        "/sobjects/Nope/describe",
        "/sobjects/Account/x/y/z",
        "/composite/nope",
    ] {
        let reply = api.get(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (404, not_found), "{path}");
    }
    let post = api
        .json("POST", "/query?q=SELECT+Id+FROM+Account", &json!({}))
        .await;
    assert_eq!(
        (post.status, post.text().as_str()),
        (
            405,
            r#"[{"errorCode":"METHOD_NOT_ALLOWED","message":"HTTP Method 'POST' not allowed. Allowed are HEAD,GET"}]"#
        )
    );
    let put = api.json("PUT", "/sobjects/Account", &json!({})).await;
    assert_eq!(
        put.json()[0]["message"],
        "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,POST"
    );
}

#[tokio::test]
async fn bodies() {
    let api = start().await;
    let bearer = api.bearer();
    let path = "/services/data/v60.0/sobjects/Account";
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let cases = [
        ("{}}", ""),
        (
            "{a:1}",
            "Unexpected character ('a' (code 97)): was expecting double-quote to start field name at [line:1, column:2]",
        ),
        (
            "{\"a\":1,}",
            "Unexpected character ('}' (code 125)): was expecting double-quote to start field name at [line:1, column:8]",
        ),
        ("{\"Name\":", "Unexpected end-of-input at [line:1, column:9]"),
        ("", "Unexpected end-of-input at [line:1, column:1]"),
        (
            "[]",
            "Cannot deserialize value of type `java.util.LinkedHashMap` from Array value",
        ),
    ];
    for (body, expected) in cases {
        let reply = api.send("POST", path, &headers, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.json()[0]["errorCode"], "JSON_PARSER_ERROR");
        if !expected.is_empty() {
            assert_eq!(reply.json()[0]["message"], expected, "{body}");
        }
    }
    let deep = "[".repeat(100_000);
    assert_eq!(api.send("POST", path, &headers, deep).await.status, 400);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
    let reply = api.send("POST", path, &headers, "{}").await;
    assert_eq!(reply.status, 415);
    assert_eq!(reply.json()[0]["errorCode"], "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn writes() {
    let api = start().await;
    let cases = [
        (
            "/sobjects/Contact",
            json!({"FirstName": "No"}),
            r#"[{"message":"Required fields are missing: [LastName]","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName"]}]"#,
        ),
        (
            "/sobjects/Account",
            json!({"Name": "x", "AccountNumer": "1"}),
            r#"[{"message":"No such column 'AccountNumer' on sobject of type Account","errorCode":"INVALID_FIELD"}]"#,
        ),
        (
            "/sobjects/Contact",
            json!({"LastName": "x", "Email": "not-an-email"}),
            r#"[{"message":"Email: invalid email address: not-an-email","errorCode":"INVALID_EMAIL_ADDRESS","fields":["Email"]}]"#,
        ),
        (
            "/sobjects/Account",
            json!({"Name": "x", "MasterRecordId": "001000000000001"}),
            r#"[{"message":"Unable to create/update fields: MasterRecordId. Please check the security settings of this field and verify that it is read/write for your profile or permission set.","errorCode":"INVALID_FIELD_FOR_INSERT_UPDATE","fields":["MasterRecordId"]}]"#,
        ),
    ];
    for (path, body, expected) in cases {
        let reply = api.json("POST", path, &body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, expected));
    }
    let long = "A".repeat(81);
    let reply = api
        .json("POST", "/sobjects/Contact", &json!({"LastName": long}))
        .await;
    assert_eq!(
        reply.text(),
        format!(
            r#"[{{"message":"Last Name: data value too large: {long} (max length=80)","errorCode":"STRING_TOO_LONG","fields":["LastName"]}}]"#
        )
    );
    let wrong = api
        .json("PATCH", "/sobjects/Contact/Namez/x", &json!({"LastName": "x"}))
        .await;
    assert_eq!(
        (wrong.status, wrong.text().as_str()),
        (
            404,
            r#"[{"message":"Provided external ID field does not exist or is not accessible: Namez","errorCode":"NOT_FOUND"}]"#
        )
    );
    let never = api
        .json(
            "PATCH",
            "/sobjects/Account/001000000000001AAA",
            &json!({"Name": "x"}),
        )
        .await;
    assert_eq!(
        (never.status, never.text().as_str()),
        (
            404,
            r#"[{"errorCode":"INVALID_CROSS_REFERENCE_KEY","message":"invalid cross reference id"}]"#
        )
    );
}

#[tokio::test]
async fn rules_of_the_customers_admin() {
    let api = start().await;
    api.control(
        "validation_rules",
        json!({"object": "Account", "field": "Name", "equals": "Forbidden", "message": "Nein, so nicht."}),
    )
    .await;
    let reply = api
        .json("POST", "/sobjects/Account", &json!({"Name": "Forbidden"}))
        .await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (
            400,
            r#"[{"message":"Nein, so nicht.","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":[]}]"#
        )
    );
    api.control("validation_rules", json!({"object": "Account", "clear": true}))
        .await;
    assert_eq!(
        api.json("POST", "/sobjects/Account", &json!({"Name": "Forbidden"}))
            .await
            .status,
        201
    );

    api.control("duplicate_rules", json!({"object": "Contact", "on": true}))
        .await;
    let twin = json!({"LastName": "Twin", "FirstName": "A", "Email": "twin@example.com"});
    assert_eq!(api.json("POST", "/sobjects/Contact", &twin).await.status, 201);
    let reply = api.json("POST", "/sobjects/Contact", &twin).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()[0]["errorCode"], "DUPLICATES_DETECTED");
    assert_eq!(reply.json()[0]["duplicateResut"]["allowSave"], true);
    let bearer = api.bearer();
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        (
            "sforce-duplicate-rule-header",
            "allowSave=true, includeRecordDetails=true",
        ),
    ];
    let saved = api
        .send(
            "POST",
            "/services/data/v60.0/sobjects/Contact",
            &headers,
            twin.to_string(),
        )
        .await;
    assert_eq!(saved.status, 201, "{}", saved.text());
}

#[tokio::test]
async fn long_uris_and_heads() {
    let api = start().await;
    let long = api.get(&format!("/query?q={}", "x".repeat(17_000))).await;
    assert_eq!(long.status, 414, "{}", long.text());
    let bearer = api.bearer();
    let value = "v".repeat(16_000);
    let headers = [("authorization", bearer.as_str()), ("x-long", value.as_str())];
    let reply = api
        .send(
            "GET",
            &format!("/services/data/v60.0/limits?x={}", "y".repeat(500)),
            &headers,
            "",
        )
        .await;
    assert_eq!(reply.status, 431);
    assert_eq!(
        api.get(&format!("/limits?x={}", "y".repeat(15_000))).await.status,
        200
    );
}

#[tokio::test]
async fn limits_need_view_setup() {
    let api = start().await;
    api.control("settings", json!({"view_setup": false})).await;
    let reply = api.get("/limits").await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (
            403,
            r#"[{"message":"The user does not have View Setup and Configuration permission","errorCode":"INSUFFICIENT_ACCESS"}]"#
        )
    );
}
