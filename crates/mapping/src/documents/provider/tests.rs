use std::sync::Arc;

use serde_json::{Value, json};

use super::{FAULT_CODES, Fault, ProviderDocument, TokenFault};
use crate::metadata::FieldKind;
use crate::{Catalog, DocumentError};

fn salesforce() -> Arc<ProviderDocument> {
    Arc::clone(Catalog::embedded().unwrap().provider("salesforce").unwrap())
}

#[test]
fn a_token_response_is_read_whatever_it_lacks() {
    let provider = salesforce();
    let facts = provider
        .token_facts(&json!({
            "access_token": "00D!x", "refresh_token": "5Aep", "scope": "refresh_token api", "token_type": "Bearer",
            "instance_url": "https://acme.my.salesforce.com/", "issued_at": "1778066990123",
            "id": "https://login.salesforce.com/id/00Dxx0000000001AAA/005xx0000000002AAA"
        }))
        .unwrap();
    assert_eq!(facts.access_token.unwrap().expose(), "00D!x");
    assert_eq!(facts.refresh_token.unwrap().expose(), "5Aep");
    assert_eq!(
        facts.instance_url.as_deref(),
        Some("https://acme.my.salesforce.com")
    );
    assert_eq!(facts.scopes.unwrap(), ["refresh_token", "api"]);
    assert_eq!(facts.account_id.as_deref(), Some("00Dxx0000000001AAA"));
    assert_eq!(facts.user_id.as_deref(), Some("005xx0000000002AAA"));
    assert_eq!(facts.expires_in_s, None);
    // A refresh without rotation: no refresh token, no scope, no token type.
    let facts = provider
        .token_facts(&json!({"access_token": "a", "instance_url": "https://x.my.salesforce.com", "id": "https://login.salesforce.com/id/00D/005"}))
        .unwrap();
    assert!(facts.refresh_token.is_none() && facts.scopes.is_none());
    let facts = provider.token_facts(&json!({})).unwrap();
    assert!(facts.access_token.is_none() && facts.account_id.is_none());
    for hostile in [
        json!({"access_token": {"hunter2": 1}}),
        json!({"access_token": "hunter2", "scope": 5}),
    ] {
        let error = provider.token_facts(&hostile).expect_err("not texts");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn only_what_says_so_is_a_dead_grant() {
    let provider = salesforce();
    let fault = |status: u16, error: &str, description: &str| {
        provider.token_fault(status, &json!({"error": error, "error_description": description}))
    };
    for (error, description, wanted) in [
        ("invalid_grant", "expired access/refresh token", TokenFault::Dead),
        ("invalid_grant", "authentication failure", TokenFault::Dead),
        (
            "invalid_grant",
            "authentication failure - Invalid Password",
            TokenFault::Dead,
        ),
        ("invalid_grant", "expired authorization code", TokenFault::Dead),
        (
            "invalid_grant",
            "token request is already being processed",
            TokenFault::Busy,
        ),
        (
            "invalid_grant",
            "Audience validation failed",
            TokenFault::Misconfigured,
        ),
        (
            "invalid_grant",
            "request not supported on this domain",
            TokenFault::Misconfigured,
        ),
        (
            "invalid_grant",
            "user hasn't approved this consumer",
            TokenFault::Dead,
        ),
        ("invalid_grant", "ip restricted", TokenFault::NotAdmitted),
        ("inactive_user", "user is inactive", TokenFault::Dead),
        ("inactive_org", "organization is not active", TokenFault::Dead),
        (
            "invalid_client_id",
            "client identifier invalid",
            TokenFault::Misconfigured,
        ),
        (
            "invalid_client",
            "invalid client credentials",
            TokenFault::Misconfigured,
        ),
        (
            "invalid_client",
            "app must be installed into org",
            TokenFault::NotAdmitted,
        ),
        (
            "invalid_app_access",
            "user is not admin approved to access this app",
            TokenFault::NotAdmitted,
        ),
        (
            "app_not_found",
            "External client app is not installed in this org",
            TokenFault::NotAdmitted,
        ),
        (
            "invalid_request",
            "missing required parameter: code_verifier",
            TokenFault::Misconfigured,
        ),
        (
            "unsupported_grant_type",
            "grant type not supported",
            TokenFault::Misconfigured,
        ),
        (
            "rate_limit_exceeded",
            "login rate limit exceeded",
            TokenFault::Unavailable,
        ),
        ("something_new", "", TokenFault::Unavailable),
    ] {
        assert_eq!(fault(400, error, description), wanted, "{error}: {description}");
    }
}

#[test]
fn a_provider_out_of_order_says_nothing_about_the_grant() {
    let provider = salesforce();
    let fault = |status: u16, error: &str, description: &str| {
        provider.token_fault(status, &json!({"error": error, "error_description": description}))
    };
    assert_eq!(
        fault(503, "invalid_grant", "expired access/refresh token"),
        TokenFault::Unavailable
    );
    for body in [
        json!("<html>We are down for maintenance.</html>"),
        json!(""),
        Value::Null,
        json!([]),
        json!({"error": {"x": 1}}),
    ] {
        assert_eq!(
            provider.token_fault(400, &body),
            TokenFault::Unavailable,
            "{body}"
        );
    }
    assert_eq!(
        provider.token_fault(400, &json!({"error": "invalid_grant"})),
        TokenFault::Dead
    );
}

#[test]
fn a_refresh_cures_only_an_expired_session() {
    let provider = salesforce();
    let body = |message: &str, code: &str| json!([{"message": message, "errorCode": code}]);
    let expired = |status: u16, body: &Value| provider.session_expired(status, &json!({}), body);
    assert!(expired(
        401,
        &body("Session expired or invalid", "INVALID_SESSION_ID")
    ));
    assert!(expired(
        401,
        &body("Sitzung abgelaufen oder ungültig", "INVALID_SESSION_ID")
    ));
    assert!(expired(403, &json!("Bad_OAuth_Token")));
    assert!(!expired(
        401,
        &body(
            "This session is not valid for use with the REST API",
            "INVALID_SESSION_ID"
        )
    ));
    assert!(!expired(
        401,
        &body("Connected app is not attached to Agent", "INVALID_SESSION_ID")
    ));
    assert!(!expired(
        403,
        &body("TotalRequests Limit exceeded.", "REQUEST_LIMIT_EXCEEDED")
    ));
    assert!(!expired(200, &body("", "INVALID_SESSION_ID")));
    assert!(!expired(400, &json!("Bad_OAuth_Token")));
    for odd in [
        Value::Null,
        json!([]),
        json!({}),
        json!([[]]),
        json!("<html>"),
        json!([null]),
        json!(5),
    ] {
        assert!(!expired(401, &odd), "{odd}");
    }
}

fn quotas(line: &str) -> Value {
    let header = |name: &str| (name == "sforce-limit-info").then(|| line.into());
    json!(
        salesforce()
            .header_quotas(header)
            .expect("the document has patterns")
    )
}

fn quota(policy: &str, limit: impl Into<Value>, remaining: u64, window_s: impl Into<Value>) -> Value {
    let (limit, window_s): (Value, Value) = (limit.into(), window_s.into());
    json!({"policy": policy, "limit": limit, "remaining": remaining, "window_s": window_s, "reset": null, "unit": null})
}

#[test]
fn allowances_are_read_in_all_their_forms() {
    let daily = |limit: u64, left: u64| quota("salesforce-daily", json!(limit), left, json!(86_400));
    assert_eq!(quotas("api-usage=45032/100000"), json!([daily(100_000, 54_968)]));
    assert_eq!(
        quotas("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)"),
        json!([
            daily(5_000, 4_975),
            quota("salesforce-daily-per-app", json!(250), 233, json!(86_400))
        ])
    );
    assert_eq!(
        quotas("api-usage=10018/100000; api-bursts=1/750"),
        json!([
            daily(100_000, 89_982),
            quota("salesforce-burst", json!(750), 749, Value::Null)
        ])
    );
    assert_eq!(quotas("api-usage=16000/15000"), json!([daily(15_000, 0)]));
    assert_eq!(quotas("something-new=1/2; api-usage=1/2"), json!([daily(2, 1)]));
    for garbage in [
        "",
        "api-usage",
        "api-usage=/",
        "api-usage=x/y",
        "=1/2",
        ";;;",
        "api-usage=-1/5",
        "api-usage=1/99999999999999999999999",
    ] {
        assert_eq!(quotas(garbage), json!([]), "{garbage}");
    }
    assert!(
        salesforce()
            .header_quotas(|_| None)
            .is_some_and(|told| told.is_empty())
    );
    for headers in [json!({}), Value::Null, json!({"sforce-limit-info": ["a"]})] {
        assert!(salesforce().quotas(&headers, 403, &Value::Null).is_empty());
    }
}

#[test]
fn a_refused_call_tells_which_allowance_is_used_up() {
    let provider = salesforce();
    let refused = |headers: Value, message: &str| {
        json!(provider.quotas(
            &headers,
            403,
            &json!([{"message": message, "errorCode": "REQUEST_LIMIT_EXCEEDED"}])
        ))
    };
    assert_eq!(
        refused(json!({}), "TotalRequests Limit exceeded."),
        json!([quota("salesforce-daily", Value::Null, 0, json!(86_400))])
    );
    assert_eq!(
        refused(
            json!({"sforce-limit-info": "api-usage=100012/100000; api-bursts=1/750"}),
            "TotalRequests Limit exceeded."
        ),
        json!([
            quota("salesforce-burst", json!(750), 749, Value::Null),
            quota("salesforce-daily", json!(100_000), 0, json!(86_400))
        ])
    );
    let concurrent = json!({"policy": "salesforce-concurrent-long", "limit": 25, "remaining": 0, "window_s": null, "reset": null, "unit": "concurrent-requests"});
    for message in [
        "ConcurrentPerOrgLongTxn Limit exceeded.",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    ] {
        assert_eq!(refused(json!({}), message), json!([concurrent]));
    }
}

#[test]
fn faults_have_a_code_of_ours() {
    let provider = salesforce();
    let fault = |status: u16, body: Value| provider.fault(status, &json!({}), &body);
    let listed =
        |code: &str, fields: Value| json!([{"message": "words", "errorCode": code, "fields": fields}]);
    for (status, code, fields, ours, retryable) in [
        (401, "INVALID_SESSION_ID", json!([]), "needs_reauth", false),
        (403, "REQUEST_LIMIT_EXCEEDED", json!([]), "rate_limited", true),
        (403, "API_DISABLED_FOR_ORG", json!([]), "permission_denied", false),
        (
            400,
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            json!([]),
            "permission_denied",
            false,
        ),
        (404, "NOT_FOUND", json!([]), "not_found", false),
        (404, "ENTITY_IS_DELETED", json!([]), "gone", false),
        (404, "INVALID_CROSS_REFERENCE_KEY", json!([]), "not_found", false),
        (
            400,
            "INVALID_CROSS_REFERENCE_KEY",
            json!(["RecordTypeId"]),
            "validation_failed",
            false,
        ),
        (400, "MALFORMED_QUERY", json!([]), "invalid_request", false),
        (
            400,
            "REQUIRED_FIELD_MISSING",
            json!(["LastName"]),
            "validation_failed",
            false,
        ),
        (
            400,
            "STRING_TOO_LONG",
            json!(["LastName", "FirstName"]),
            "validation_failed",
            false,
        ),
        (400, "DUPLICATE_VALUE", json!([]), "conflict", false),
        (400, "DUPLICATES_DETECTED", json!([]), "duplicate_detected", false),
        (400, "UNABLE_TO_LOCK_ROW", json!([]), "conflict", true),
        (400, "QUERY_TIMEOUT", json!([]), "upstream_timeout", true),
        (405, "METHOD_NOT_ALLOWED", json!([]), "invalid_request", false),
        (500, "UNKNOWN_EXCEPTION", json!([]), "upstream_error", false),
        (503, "SERVER_UNAVAILABLE", json!([]), "upstream_unavailable", true),
        (400, "A_NEW_ONE", json!(["X"]), "validation_failed", false),
    ] {
        let found = fault(status, listed(code, fields.clone()));
        assert_eq!(
            (found.code.as_str(), found.retryable),
            (ours, retryable),
            "{code}"
        );
        assert_eq!(found.provider_code.as_deref(), Some(code));
        assert_eq!(json!(found.fields), fields, "{code}");
        assert_eq!(found.message, "words");
        assert!(FAULT_CODES.contains(&found.code.as_str()));
    }
}

#[test]
fn faults_are_read_from_every_form_of_body() {
    let provider = salesforce();
    let fault = |status: u16, body: Value| provider.fault(status, &json!({}), &body);
    // Fields are missing; the column is in the last line.
    let found = fault(
        400,
        json!([{"errorCode": "INVALID_FIELD", "message": "\nSELECT Id, Foo__c FROM Account WHERE Name = 'x'\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Account'. If you are …"}]),
    );
    assert_eq!(
        (found.code.as_str(), found.fields.as_slice()),
        ("invalid_request", ["Foo__c".to_owned()].as_slice())
    );
    // Several errors at once, and the echoes of somebody else's.
    let found = fault(
        400,
        json!([
            {"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "rolled back", "fields": []},
            {"statusCode": "STRING_TOO_LONG", "message": "Last Name: too large", "fields": ["LastName"]},
            {"statusCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["Company", "LastName"]}
        ]),
    );
    assert_eq!(
        (found.code.as_str(), found.provider_code.as_deref()),
        ("validation_failed", Some("STRING_TOO_LONG"))
    );
    assert_eq!(found.fields, ["LastName", "Company"]);
    let found = fault(
        400,
        json!({"message": "one", "errorCode": "MALFORMED_ID", "fields": ["Id"]}),
    );
    assert_eq!(
        (found.code.as_str(), found.message.as_str()),
        ("validation_failed", "one")
    );
    let found = fault(
        400,
        json!({"error": "invalid_grant", "error_description": "expired access/refresh token"}),
    );
    assert_eq!(
        (found.code.as_str(), found.message.as_str()),
        ("invalid_request", "expired access/refresh token")
    );
    let found = fault(403, json!("Bad_OAuth_Token"));
    assert_eq!(
        (found.code.as_str(), found.message.as_str()),
        ("needs_reauth", "Bad_OAuth_Token")
    );
    for (status, ours, retryable) in [
        (503, "upstream_unavailable", true),
        (502, "upstream_unavailable", true),
        (504, "upstream_timeout", true),
        (429, "rate_limited", true),
        (403, "permission_denied", false),
        (404, "not_found", false),
        (410, "gone", false),
        (412, "conflict", false),
        (400, "invalid_request", false),
        (500, "upstream_error", false),
        (300, "conflict", false),
    ] {
        for body in [
            json!("<html><body>We are down.</body></html>"),
            json!(""),
            Value::Null,
            json!([]),
            json!({}),
            json!([null]),
            json!([[1]]),
            json!(5),
            json!([{"errorCode": 5, "message": 6}]),
        ] {
            let found = fault(status, body.clone());
            assert_eq!(
                (found.code.as_str(), found.retryable),
                (ours, retryable),
                "{status} {body}"
            );
            assert!(!found.message.contains('<'), "{}", found.message);
        }
    }
    let long = fault(
        400,
        json!([{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "é".repeat(100_000)}]),
    );
    assert_eq!(long.message.chars().count(), 2_000);
}

#[test]
fn a_description_becomes_fields_of_our_kinds() {
    let field = |name: &str, remote: &str, more: Value| {
        let mut field = json!({"name": name, "label": name, "type": remote, "custom": name.ends_with("__c"), "filterable": true,
            "sortable": true, "createable": true, "updateable": true, "nillable": true, "defaultedOnCreate": false, "unique": false,
            "calculated": false, "externalId": false, "idLookup": false, "length": 0, "precision": 0, "scale": 0, "digits": 0,
            "defaultValue": null, "referenceTo": [], "relationshipName": null, "inlineHelpText": null, "picklistValues": []});
        field
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        field
    };
    let described = salesforce()
        .object_metadata("contact", &json!({"name": "Contact", "label": "Contact", "fields": [
            field("LastName", "string", json!({"length": 80, "nillable": false})),
            field("OwnerId", "reference", json!({"referenceTo": ["Group", "User"], "relationshipName": "Owner", "length": 18, "nillable": false, "defaultedOnCreate": true})),
            field("AccountId", "reference", json!({"referenceTo": ["Account"], "relationshipName": "Account"})),
            field("Score__c", "double", json!({"precision": 18, "scale": 2, "defaultValue": 0})),
            field("Level__c", "picklist", json!({"picklistValues": [{"active": true, "value": "a", "label": "A"}, {"active": false, "value": "b", "label": "B"}]})),
            field("IsX", "boolean", json!({"defaultValue": false, "nillable": false, "defaultedOnCreate": true})),
            field("New", "somethingNew", json!({})),
        ]}))
        .unwrap();
    assert_eq!(
        (described.object.as_str(), described.fields.len()),
        ("Contact", 7)
    );
    let last_name = described.field("lastname").unwrap();
    assert!(
        last_name.is_required
            && last_name.max_length == Some(80)
            && last_name.kind == FieldKind::Text
            && !last_name.is_custom
    );
    let owner = described.relationship("owner").unwrap();
    assert_eq!(
        (owner.name.as_str(), owner.reference_to.len(), owner.is_required),
        ("OwnerId", 2, false)
    );
    assert_eq!(described.field("AccountId").unwrap().reference_to, ["Account"]);
    let score = described.field("SCORE__C").unwrap();
    assert_eq!(
        (
            score.precision,
            score.scale,
            score.default_value.as_deref(),
            score.is_custom
        ),
        (Some(18), Some(2), Some("0"), true)
    );
    let level = described.field("Level__c").unwrap();
    assert_eq!((level.kind, level.options.len()), (FieldKind::Picklist, 1));
    assert_eq!(
        described.field("IsX").unwrap().default_value.as_deref(),
        Some("false")
    );
    assert_eq!(described.field("New").unwrap().kind, FieldKind::Other);
    assert!(described.field("Hidden").is_none());
    assert!(
        salesforce()
            .object_metadata("X", &json!({"name": "X"}))
            .unwrap()
            .fields
            .is_empty()
    );
    for wrong in [Value::Null, json!([]), json!("<html>")] {
        assert!(
            salesforce()
                .object_metadata("X", &wrong)
                .is_ok_and(|found| found.fields.is_empty()),
            "{wrong}"
        );
    }
}

#[test]
fn a_long_query_goes_into_a_body_and_back() {
    let provider = salesforce();
    let body = provider
        .long_query_body("/services/data/v60.0/query?q=SELECT%20Id")
        .unwrap();
    assert_eq!(
        body["compositeRequest"],
        json!([{"method": "GET", "url": "/services/data/v60.0/query?q=SELECT%20Id", "referenceId": "query"}])
    );
    for inner in [
        json!({"records": [{"Id": "1"}], "done": true}),
        json!([{"errorCode": "MALFORMED_QUERY", "message": "x"}]),
    ] {
        let reply = provider
            .long_query_reply(&json!({"compositeResponse": [{"body": inner, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": "query"}]}))
            .unwrap();
        assert_eq!((reply.status, reply.body), (400, inner));
    }
    assert!(provider.long_query_reply(&json!([{"errorCode": "X"}])).is_err());
}

#[test]
fn paths_ids_and_versions_are_checked() {
    let provider = salesforce();
    assert_eq!(provider.base_path(None), "/services/data/v60.0");
    assert_eq!(provider.base_path(Some("62.0")), "/services/data/v62.0");
    assert!(provider.accepts_version("59.0"));
    for wrong in ["60", "60.1", "../60.0", "060.0", "60.0/x", ""] {
        assert!(!provider.accepts_version(wrong), "{wrong}");
    }
    assert!(provider.accepts_id("003000000000001") && provider.accepts_id("003000000000001AAA"));
    for wrong in [
        "",
        "003",
        "003000000000001AA",
        "003000000000001'--",
        "003000000000001AAA\n",
    ] {
        assert!(!provider.accepts_id(wrong), "{wrong:?}");
    }
    assert!(
        provider.proxy_allows("/services/data/v60.0/limits") && provider.proxy_allows("/services/apexrest/x")
    );
    for wrong in [
        "/services/oauth2/token",
        "/services/dataX",
        "/",
        "/x/services/data/",
        "/services/Soap/u/60.0",
    ] {
        assert!(!provider.proxy_allows(wrong), "{wrong}");
    }
}

#[test]
fn a_provider_file_with_a_mistake_names_its_place() {
    let folder = |text: &str| -> Result<Catalog, DocumentError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("salesforce");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("provider.yaml"), text).unwrap();
        Catalog::from_dir(folder.path())
    };
    let text = include_str!("../../../../../mappings/salesforce/provider.yaml");
    assert!(folder(text).is_ok());
    for (from, to, words) in [
        ("name: salesforce", "name: other", "folder"),
        (
            "display_name: Salesforce",
            "display_name: Salesforce\nunknown_key: 1",
            "unknown_key",
        ),
        (
            ".my.salesforce.mil, .my.sfcrmproducts.cn]\n  base_path",
            "crmforce.mil]\n  base_path",
            "dot",
        ),
        (
            "https://login.salesforce.com\"",
            "http://login.salesforce.com\"",
            "https",
        ),
        ("token_expiry: learned", "token_expiry: guessed", "guessed"),
        ("\"^[a-zA-Z0-9]{15}", "\"^[a-zA-Z0-9{15}", "unclosed"),
        ("  expired: |\n    (", "  expired: |\n    ((", "S0"),
        (
            "client_credentials, jwt_bearer,",
            "client_credentials,",
            "auth.jwt_bearer",
        ),
        (
            "[authorization_code, client_credentials,",
            "[authorization_code,",
            "auth.client_credentials",
        ),
        (
            "client_credentials: {environments: [custom]}",
            "client_credentials: {environments: [moon]}",
            "`moon`",
        ),
        ("lifetime_s: 120", "lifetime_s: 7200", "10 to 3600"),
        (
            "probe: {path: \"/services",
            "probe: {path: \"services",
            "probe.path",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let error = folder(&text.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains(words), "{to}: {error}");
    }
}

#[test]
fn an_assertion_is_for_the_login_host_of_its_environment() {
    let provider = salesforce();
    let production = "https://login.salesforce.com";
    let sandbox = "https://test.salesforce.com";
    for (environment, login_url, audience) in [
        ("production", production, production),
        ("production", "http://127.0.0.1:8081", production),
        ("sandbox", sandbox, sandbox),
        ("custom", "https://acme.my.salesforce.com", production),
        ("custom", "https://acme--uat.sandbox.my.salesforce.com", sandbox),
    ] {
        let told = provider.assertion_audience(environment, login_url).unwrap();
        assert_eq!(told, audience, "{environment} {login_url}");
    }
}

#[test]
fn a_refused_credential_is_explained_by_what_was_said() {
    let provider = salesforce();
    let told = |error, description| provider.grant_fault(error, description);
    let audience = told(Some("invalid_grant"), Some("Audience validation failed")).unwrap();
    assert!(audience.contains("`sandbox`"), "{audience}");
    let inactive = told(Some("inactive_user"), Some("user is inactive")).unwrap();
    assert!(inactive.contains("not active"), "{inactive}");
    assert_eq!(told(Some("invalid_grant"), Some("something new")), None);
    assert_eq!(told(None, None), None);
}

#[test]
fn one_item_of_a_list_needs_no_list() {
    let fault = |answer: Value| serde_json::from_value::<Fault>(answer).unwrap();
    let told = |fields: Value| fault(json!({"code": "conflict", "fields": fields})).fields;
    assert_eq!(told(json!("mail")), ["mail"]);
    assert_eq!(told(json!(["mail", "name"])), ["mail", "name"]);
    assert_eq!(told(Value::Null), Vec::<String>::new());
    assert_eq!(fault(json!({"code": "conflict"})).fields, Vec::<String>::new());
    assert!(serde_json::from_value::<Fault>(json!({"code": "conflict", "fields": [{}]})).is_err());
}
