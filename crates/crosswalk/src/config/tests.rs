use super::{Config, EXAMPLE, PROVIDER_KEYS, SECTIONS, limit_names};

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn the_example_file_documents_every_key() {
    for (section, keys) in SECTIONS {
        assert!(
            EXAMPLE.contains(&format!("[{section}]")) || EXAMPLE.contains(&format!("[[{section}.")),
            "[{section}]"
        );
        for key in keys {
            assert!(
                EXAMPLE.contains(&format!("{key} ")) || EXAMPLE.contains(&format!(".{key}]]")),
                "{section}.{key}"
            );
        }
    }
    for key in limit_names().iter().map(String::as_str).chain(PROVIDER_KEYS) {
        assert!(EXAMPLE.contains(&format!("{key} =")), "{key}");
    }
}

#[test]
fn the_example_file_holds_the_defaults() {
    let parsed: toml::Table = EXAMPLE.parse().expect("valid TOML");
    let config: Config = parsed.clone().try_into().expect("known keys only");
    let defaults = Config::default();
    assert_eq!(config.limits, defaults.limits);
    assert_eq!(config.server.bind, defaults.server.bind);
    assert_eq!(
        config.server.rate_limit_headers,
        defaults.server.rate_limit_headers
    );
    assert_eq!(config.server.drain_announce_ms, defaults.server.drain_announce_ms);
    assert_eq!(config.store.data_dir, defaults.store.data_dir);
    assert_eq!(config.store.pool_max, defaults.store.pool_max);
    assert_eq!(config.telemetry.log, defaults.telemetry.log);
    assert_eq!(config.telemetry.log_format, defaults.telemetry.log_format);
}

#[test]
fn variables_lie_over_the_file() {
    let config = Config::load(
        None,
        variables(&[
            ("CROSSWALK_STORE_DATABASE_URL", "postgres://db/crosswalk"),
            ("CROSSWALK_LIMITS_DRAIN_MS", "1500"),
            ("CROSSWALK_PROVIDERS_ACME_CLIENT_ID", "123"),
            (
                "CROSSWALK_PROVIDERS_ACME_LOGIN_URLS_PRODUCTION",
                "http://127.0.0.1:1",
            ),
            ("CROSSWALK_PROVIDERS_ACME_API_URL", "http://127.0.0.1:2"),
            ("CROSSWALK_EGRESS_ALLOW", "[\"http://127.0.0.1:1\"]"),
            ("PATH", "/bin"),
        ]),
    )
    .expect("a configuration");
    assert_eq!(config.database_url().expose(), "postgres://db/crosswalk");
    assert_eq!(config.limits.drain_ms, 1_500);
    assert_eq!(config.providers["acme"].client_id, "123");
    assert_eq!(
        config.providers["acme"].login_urls["production"],
        "http://127.0.0.1:1"
    );
    assert_eq!(
        config.providers["acme"].api_url.as_deref(),
        Some("http://127.0.0.1:2")
    );
    assert_eq!(config.egress.allow, ["http://127.0.0.1:1"]);
}

#[test]
fn an_unknown_variable_or_key_is_refused_by_name() {
    for name in [
        "CROSSWALK_STORE_DATABSE_URL",
        "CROSSWALK_LIMITS_NOPE",
        "CROSSWALK_X",
        "CROSSWALK_PROVIDERS_ACME_NOPE",
    ] {
        let error = Config::load(None, variables(&[(name, "x")])).expect_err(name);
        assert!(error.to_string().contains(name), "{error}");
    }
    let error =
        Config::load(None, variables(&[("CROSSWALK_STORE_POOL_MAX", "many")])).expect_err("not a number");
    assert!(format!("{error:#}").contains("pool_max"), "{error:#}");
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let error = Config::load(None, variables(&[("CROSSWALK_LIMITS_TOKEN_REQUEST_MS", "30000")]))
        .expect_err("too long");
    assert!(error.to_string().contains("token_request_ms"), "{error}");
}

#[test]
fn without_a_master_key_nothing_starts() {
    let error = Config::default().master_keys().expect_err("no key");
    assert!(error.to_string().contains("generate-key"), "{error}");
}
