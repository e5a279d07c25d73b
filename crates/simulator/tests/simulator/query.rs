//! Queries, their pages, and searches.

use serde_json::{Value, json};

use crate::support::{Api, escape, start, start_with};

async fn query(api: &Api, soql: &str) -> Value {
    let reply = api.get(&format!("/query?q={}", escape(soql))).await;
    assert_eq!(reply.status, 200, "{soql}: {}", reply.text());
    reply.json()
}

fn next(page: &Value) -> &str {
    page["nextRecordsUrl"].as_str().unwrap()
}

/// All pages: their lengths and every id.
async fn walk(api: &Api, first: Value) -> (Vec<usize>, Vec<String>) {
    let mut page = first;
    let (mut lengths, mut ids) = (Vec::new(), Vec::new());
    loop {
        let records = page["records"].as_array().unwrap();
        lengths.push(records.len());
        ids.extend(records.iter().map(|row| row["Id"].as_str().unwrap().to_owned()));
        if page["done"] == true {
            assert!(
                page.get("nextRecordsUrl").is_none(),
                "the last page has no such key"
            );
            return (lengths, ids);
        }
        let path = next(&page)
            .strip_prefix("/services/data/v60.0")
            .unwrap()
            .to_owned();
        page = api.get(&path).await.json();
    }
}

#[tokio::test]
async fn page_size_depends_on_the_width_of_the_select() {
    let api = start_with(|options| options.org.accounts = 2_100).await;
    // Some of the seeded rows are deleted.
    let live = api.running.org().record_count("Account");
    let narrow = query(&api, "SELECT Id, Name FROM Account").await;
    assert_eq!(narrow["totalSize"], live);
    let url = next(&narrow);
    assert!(
        url.starts_with("/services/data/v60.0/query/0r8") && url.ends_with("-2000"),
        "{url}"
    );
    assert_eq!(url.rsplit('/').next().unwrap().len(), 18 + 5);
    let (lengths, mut ids) = walk(&api, narrow).await;
    assert_eq!(lengths, [2_000, live - 2_000]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), live);
    let wide = query(&api, "SELECT Id, Description FROM Account").await;
    assert_eq!(walk(&api, wide).await.0, [1_000, 1_000, live - 2_000]);
}

#[tokio::test]
async fn batch_size_is_a_hint_within_bounds() {
    let api = start_with(|options| options.org.accounts = 700).await;
    let bearer = api.bearer();
    for (hint, expected) in [
        ("batchSize=250", 250),
        ("batchSize=1", 200),
        ("batchSize=9999", api.running.org().record_count("Account")),
    ] {
        let headers = [("authorization", bearer.as_str()), ("sforce-query-options", hint)];
        let reply = api
            .send(
                "GET",
                "/services/data/v60.0/query?q=SELECT+Id+FROM+Account",
                &headers,
                "",
            )
            .await;
        assert_eq!(
            reply.json()["records"].as_array().unwrap().len(),
            expected,
            "{hint}"
        );
    }
}

#[tokio::test]
async fn random_short_pages_lose_nothing() {
    let api = start_with(|options| options.org.accounts = 900).await;
    api.control("settings", json!({"random_short_pages": true})).await;
    let first = query(&api, "SELECT Id, Description FROM Account").await;
    let (lengths, mut ids) = walk(&api, first).await;
    assert!(lengths.iter().all(|length| *length > 0));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), api.running.org().record_count("Account"));
}

#[tokio::test]
async fn bad_locators_are_refused() {
    let api = start_with(|options| options.org.accounts = 30).await;
    api.control("settings", json!({"page_size": 10})).await;
    let page = query(&api, "SELECT Id FROM Account").await;
    let path = next(&page)
        .strip_prefix("/services/data/v60.0")
        .unwrap()
        .to_owned();
    let expected = r#"[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]"#;
    let beyond = path.replace("-10", "-31");
    for bad in [
        "/query/0r8xx00000000AAAAA-10",
        "/query/garbage",
        "/query/-",
        beyond.as_str(),
    ] {
        let reply = api.get(bad).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, expected), "{bad}");
    }
    let other = api
        .control("session", json!({"username": "renee.dupont@crosswalk.example"}))
        .await;
    let bearer = format!("Bearer {}", other["access_token"].as_str().unwrap());
    let full = format!("/services/data/v60.0{path}");
    let foreign = api.send("GET", &full, &[("authorization", &bearer)], "").await;
    assert_eq!(foreign.text(), expected, "another user's");
    assert_eq!(api.get(&path).await.status, 200);
    api.control("settings", json!({"session_ttl_ms": 1_000_000_000_000_i64}))
        .await;
    api.control("clock", json!({"advance_ms": 48 * 3_600_000})).await;
    assert_eq!(api.get(&path).await.text(), expected, "older than two days");
}

#[tokio::test]
async fn count_and_errors_come_through() {
    let api = start().await;
    assert_eq!(
        api.get("/query?q=SELECT+COUNT()+FROM+Account").await.text(),
        r#"{"totalSize":30,"done":true,"records":[]}"#
    );
    let unknown = api.get("/query?q=select%20count()%20from%20XYZZY").await;
    assert_eq!(
        unknown.json()[0]["message"],
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    );
    assert!(unknown.json()[0].get("fields").is_none());
    assert_eq!(api.get("/query").await.json()[0]["errorCode"], "MALFORMED_QUERY");
    api.control(
        "fields",
        json!({"action": "hide", "object": "Account", "field": "Phone"}),
    )
    .await;
    let hidden = api.get("/query?q=SELECT+Phone+FROM+Account").await;
    assert_eq!(hidden.json()[0]["errorCode"], "INVALID_FIELD");
}

#[tokio::test]
async fn deleted_rows_show_in_query_all_only() {
    let api = start().await;
    let made = api
        .json("POST", "/sobjects/Account", &json!({"Name": "Doomed"}))
        .await
        .json();
    let id = made["id"].as_str().unwrap();
    api.json("DELETE", &format!("/sobjects/Account/{id}"), &json!({}))
        .await;
    let soql = escape(&format!("SELECT Id, IsDeleted FROM Account WHERE Id = '{id}'"));
    assert_eq!(api.get(&format!("/query/?q={soql}")).await.json()["totalSize"], 0);
    let all = api.get(&format!("/queryAll?q={soql}")).await.json();
    assert_eq!(all["records"][0]["IsDeleted"], true);
}

#[tokio::test]
async fn searches_find_what_was_made() {
    let api = start().await;
    api.json("POST", "/sobjects/Account", &json!({"Name": "Zyzzyva Widgets"}))
        .await;
    let sosl = escape("FIND {Zyzzyva} IN ALL FIELDS RETURNING Account(Id, Name)");
    let found = api.get(&format!("/search?q={sosl}")).await.json();
    assert_eq!(found["searchRecords"][0]["Name"], "Zyzzyva Widgets");
    let path = "/parameterizedSearch?q=Zyzzyva&sobject=Account&Account.fields=id,name&Account.limit=10";
    assert_eq!(
        api.get(path).await.json()["searchRecords"][0]["Name"],
        "Zyzzyva Widgets"
    );
    let body = json!({"q": "Zyzzyva", "sobjects": [{"name": "Account", "fields": ["Id", "Name"]}]});
    let posted = api.json("POST", "/parameterizedSearch", &body).await.json();
    assert_eq!(posted["searchRecords"][0]["Name"], "Zyzzyva Widgets");
    let none = escape("FIND {Qqqqqq} RETURNING Account(Id)");
    assert_eq!(
        api.get(&format!("/search?q={none}")).await.text(),
        r#"{"searchRecords":[]}"#
    );
    let bare = api.get("/search?q=FIND+Zyzzyva").await;
    assert_eq!(
        bare.text(),
        r#"[{"message":"No search term found. The search term must be enclosed in braces.","errorCode":"MALFORMED_SEARCH"}]"#
    );
}
