use std::collections::HashMap;

use mapping::Catalog;
use model::Limits;

use super::{App, Checked, ProviderSettings, SettingsError};

/// A provider whose login, tokens and data each have a host of their own, all fixed.
const FIXED: &str = r#"
name: acme
display_name: Acme
docs_url: https://acme.example/docs
environments:
  production: {label: Production, login_url: "https://login.acme.example", token_url: "https://tokens.acme.example"}
  custom: {label: Own, login_host_suffixes: [.my.acme.example]}
auth:
  flows: [authorization_code]
  authorize_path: /authorize
  token_path: /token
  client_authentication: body
  token_response: '{"access_token": access_token}'
  token_expiry: expires_in
  token_fault: '"unavailable"'
api: {base_url: "https://api.acme.example", base_path: /v1}
errors: '{"code": "upstream_error"}'
page: {records: records}
records: {id_field: id}
"#;

fn checked(document: &str, login_url: Option<&str>, api_url: Option<&str>) -> Result<Checked, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("acme")).unwrap();
    std::fs::write(folder.path().join("acme/provider.yaml"), document).unwrap();
    let catalog = Catalog::from_dir(folder.path()).unwrap();
    let app = App {
        client_id: "client".to_owned(),
        client_secret: None,
        login_urls: login_url
            .map(|url| ("production".to_owned(), url.to_owned()))
            .into_iter()
            .collect(),
        api_url: api_url.map(str::to_owned),
        api_version: None,
    };
    let settings = ProviderSettings {
        public_url: "https://crosswalk.example".to_owned(),
        apps: HashMap::from([("acme".to_owned(), app)]),
        egress_allow: Vec::new(),
        webhook_allow: Vec::new(),
        limits: Limits::default(),
    };
    Checked::new(&catalog, settings)
}

#[test]
fn tokens_come_from_where_the_document_says_unless_the_operator_has_another_login() {
    for (login_url, wanted) in [
        (None, "https://tokens.acme.example"),
        (Some("https://proxy.example"), "https://proxy.example"),
    ] {
        let checked = checked(FIXED, login_url, None).unwrap();
        let configured = checked.provider("acme").unwrap();
        let login = configured.login_origin("production", None).unwrap();
        assert_eq!(configured.token_origin("production", &login).as_str(), wanted);
        let own = configured
            .login_origin("custom", Some("a.my.acme.example"))
            .unwrap();
        assert_eq!(
            configured.token_origin("custom", &own).as_str(),
            "https://a.my.acme.example",
            "an environment without a host for tokens"
        );
    }
}

#[test]
fn a_fixed_host_of_data_calls_may_be_another_of_the_operators() {
    for (api_url, wanted) in [
        (None, "https://api.acme.example"),
        (Some("https://proxy.example:8443"), "https://proxy.example:8443"),
    ] {
        let checked = checked(FIXED, None, api_url).unwrap();
        let configured = checked.provider("acme").unwrap();
        assert_eq!(configured.base_url().unwrap().as_str(), wanted);
        assert!(configured.api_origin(wanted).is_ok());
        let documents = configured.api_origin("https://api.acme.example");
        assert_eq!(
            documents.is_ok(),
            api_url.is_none(),
            "it takes the place of the document's"
        );
    }
    let refused = |document: &str, api_url| checked(document, None, Some(api_url)).unwrap_err().key;
    assert_eq!(refused(FIXED, "https://proxy.example/path"), "apps.acme.api_url");
    let told = FIXED.replace(
        "base_url: \"https://api.acme.example\"",
        "host_suffixes: [.my.acme.example]",
    );
    assert_eq!(refused(&told, "https://proxy.example"), "apps.acme.api_url");
}
