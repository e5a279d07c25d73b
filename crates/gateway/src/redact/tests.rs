use serde_json::json;

use super::{REDACTED, redact_json, redact_text};

const TOKEN: &str = "00Dxx0000001gPL!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL";

#[test]
fn tokens_are_taken_out_of_json_and_nothing_else_is() {
    let mut body = json!([{
        "message": format!("Session {TOKEN} is over; Authorization: Bearer abcdefghijklmnopqrstuvwxyz"),
        "errorCode": "INVALID_SESSION_ID",
        "access_token": TOKEN,
        "RefreshToken": "5Aep861",
        "nested": {"session-id": 17, "password": null, "fields": ["Email__c"]},
        "words": "The bearer of this must be 18 or older; oauth is required!",
    }]);
    redact_json(&mut body);
    let text = body.to_string();
    assert!(!text.contains("AQcAQH0dMH"), "{text}");
    assert!(!text.contains("abcdefghijklmnop"), "{text}");
    assert!(!text.contains("5Aep861"), "{text}");
    assert_eq!(body[0]["errorCode"], "INVALID_SESSION_ID");
    assert_eq!(body[0]["nested"]["session-id"], REDACTED);
    assert!(body[0]["nested"]["password"].is_null());
    assert_eq!(body[0]["nested"]["fields"][0], "Email__c");
    assert_eq!(
        body[0]["words"],
        "The bearer of this must be 18 or older; oauth is required!"
    );
}

#[test]
fn tokens_are_taken_out_of_text_of_any_kind() {
    for text in [
        format!("<html>sessionId={TOKEN}</html>"),
        "refresh_token=5Aep8613hy0tHCYdhwkp&x=1".to_owned(),
        "<refresh_token>5Aep8613hy0tHCYdhwkp</refresh_token>".to_owned(),
        "{\"access_token\": \"5Aep8613hy0tHCYdhwkp\"".to_owned(),
        "é Bearer 5Aep8613hy0tHCYdhwkp é".to_owned(),
    ] {
        let redacted = redact_text(&text);
        assert!(redacted.contains(REDACTED), "{redacted}");
        assert!(
            !redacted.contains("AQcAQH0dMH") && !redacted.contains("5Aep8613"),
            "{redacted}"
        );
    }
    let innocent = "REQUEST_LIMIT_EXCEEDED_FOR_THIS_ORG: TotalRequests Limit exceeded. é\u{1F600}";
    assert_eq!(redact_text(innocent), innocent);
    assert_eq!(redact_text(""), "");
}
