use super::{HostError, HostRules, Origin};

fn rules() -> HostRules {
    let allowed = Origin::parse("http://127.0.0.1:8081").expect("an origin");
    HostRules::new(
        &[".my.example.com".to_owned(), ".my.example.mil".to_owned()],
        &[allowed],
    )
    .expect("good suffixes")
}

/// Values that a hostile or broken token response, or a caller, may give as an origin.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "/",
    "//",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "https://.",
    "https://..",
    "https://-",
    "acme.my.example.com",
    "//acme.my.example.com",
    "https:acme.my.example.com",
    "https:/acme.my.example.com",
    "https:///acme.my.example.com",
    "https:\\\\acme.my.example.com",
    "https:/\\acme.my.example.com",
    "http://acme.my.example.com",
    "HTTP://acme.my.example.com",
    "ftp://acme.my.example.com",
    "file://acme.my.example.com",
    "file:///etc/passwd",
    "gopher://acme.my.example.com",
    "javascript://acme.my.example.com/%0aalert(1)",
    "data:text/html,x",
    "ws://acme.my.example.com",
    "wss://acme.my.example.com",
    "https+unix://acme.my.example.com",
    "jar:https://acme.my.example.com",
    "view-source:https://acme.my.example.com",
    " https://acme.my.example.com",
    "https://acme.my.example.com ",
    "\thttps://acme.my.example.com",
    "https://acme.my.example.com\n",
    "https://acme.my.example.com\r\nHost: evil.com",
    "ht\ntps://acme.my.example.com",
    "https://ac\tme.my.example.com",
    "https://acme.my.example.com\0",
    "https://acme.my.example.com\0.evil.com",
    "\u{feff}https://acme.my.example.com",
    // The suffix without a label, or not on a label boundary.
    "https://my.example.com",
    "https://.my.example.com",
    "https://..my.example.com",
    "https://evilmy.example.com",
    "https://evil-my.example.com",
    "https://acmemy.example.com",
    "https://my.example.mil",
    "https://evilmy.example.mil",
    "https://example.com",
    "https://www.example.com",
    "https://login.example.com",
    "https://acme.my.example.co",
    "https://acme.my.example.comm",
    "https://acme.my.example.com.evil.com",
    "https://acme.my.example.com-evil.com",
    "https://acme.my.example.comevil.com",
    "https://acme.my-example.com",
    "https://acme.my.examp1e.com",
    "https://acme.my.example.net",
    "https://acmemyexamplecom",
    "https://com",
    "https://evil.com",
    "https://evil.com/.my.example.com",
    "https://evil.com/acme.my.example.com",
    "https://evil.com?.my.example.com",
    "https://evil.com?x=.my.example.com",
    "https://evil.com#.my.example.com",
    "https://evil.com#@acme.my.example.com",
    "https://evil.com;.my.example.com",
    "https://evil.com,.my.example.com",
    "https://evil.com:.my.example.com",
    "https://evil.com:443.my.example.com",
    "https://evil.com\\.my.example.com",
    "https://evil.com\\@acme.my.example.com",
    "https://evil.com%2f.my.example.com",
    "https://evil.com%00.my.example.com",
    "https://evil.com%23.my.example.com",
    "https://evil.com%3f.my.example.com",
    "https://evil.com%5c.my.example.com",
    "https://evil.com%0d%0a.my.example.com",
    "https://evil.com%E3%80%82my.example.com",
    "https://evil.com&.my.example.com",
    "https://evil.com_.my.example.com",
    "https://evil.com .my.example.com",
    "https://evil.com\t.my.example.com",
    "https://evil.com'.my.example.com",
    "https://evil.com\".my.example.com",
    "https://evil.com<.my.example.com",
    "https://evil.com|.my.example.com",
    "https://evil.com`.my.example.com",
    "https://evil.com{.my.example.com",
    "https://evil.com^.my.example.com",
    "https://evil.com$.my.example.com",
    "https://evil.com(.my.example.com",
    "https://evil.com*.my.example.com",
    "https://evil.com+.my.example.com",
    "https://evil.com=.my.example.com",
    "https://evil.com!.my.example.com",
    "https://evil.com~.my.example.com",
    // User information.
    "https://user@acme.my.example.com",
    "https://user:pass@acme.my.example.com",
    "https://@acme.my.example.com",
    "https://:@acme.my.example.com",
    "https://acme.my.example.com@evil.com",
    "https://acme.my.example.com:443@evil.com",
    "https://acme.my.example.com:pass@evil.com",
    "https://acme.my.example.com%40evil.com",
    "https://evil.com@acme.my.example.com@evil.com",
    // Ports.
    "https://acme.my.example.com:0",
    "https://acme.my.example.com:22",
    "https://acme.my.example.com:80",
    "https://acme.my.example.com:443",
    "https://acme.my.example.com:8443",
    "https://acme.my.example.com:0443",
    "https://acme.my.example.com:65536",
    "https://acme.my.example.com:99999999999",
    "https://acme.my.example.com:-1",
    "https://acme.my.example.com:+443",
    "https://acme.my.example.com:4 43",
    "https://acme.my.example.com:0x1bb",
    "https://acme.my.example.com:",
    "https://acme.my.example.com:/",
    "https://acme.my.example.com::443",
    "https://acme.my.example.com:443:443",
    "https://acme.my.example.com:https",
    // Path, query, fragment.
    "https://acme.my.example.com//",
    "https://acme.my.example.com/x",
    "https://acme.my.example.com/services",
    "https://acme.my.example.com/..",
    "https://acme.my.example.com/../evil.com",
    "https://acme.my.example.com/%2e%2e",
    "https://acme.my.example.com/?",
    "https://acme.my.example.com?",
    "https://acme.my.example.com?x=1",
    "https://acme.my.example.com#",
    "https://acme.my.example.com#x",
    "https://acme.my.example.com/#",
    "https://acme.my.example.com;x",
    "https://acme.my.example.com\\",
    "https://acme.my.example.com/\\evil.com",
    "https://acme.my.example.com\\evil.com",
    // Dots and labels.
    "https://acme.my.example.com.",
    "https://acme.my.example.com..",
    "https://acme..my.example.com",
    "https://.acme.my.example.com",
    "https://-acme.my.example.com",
    "https://acme-.my.example.com",
    "https://ac_me.my.example.com",
    "https://*.my.example.com",
    "https://%61cme.my.example.com",
    "https://acme.my.example%2ecom",
    "https://acme%2emy.example.com",
    // Letters outside ASCII that a browser's reader maps.
    "https://acme\u{3002}my.example.com",
    "https://acme\u{ff0e}my.example.com",
    "https://acme\u{ff61}my.example.com",
    "https://evil.com\u{2044}.my.example.com",
    "https://evil.com\u{2215}.my.example.com",
    "https://evil.com\u{ff0f}.my.example.com",
    "https://evil.com\u{ff03}.my.example.com",
    "https://evil.com\u{ff1f}.my.example.com",
    "https://evil.com\u{ff20}acme.my.example.com",
    "https://\u{ff41}cme.my.example.com",
    "https://acme.my.ex\u{430}mple.com",
    "https://acme.my.example.c\u{3bf}m",
    "https://\u{1d4d0}cme.my.example.com",
    "https://ac\u{200b}me.my.example.com",
    "https://ac\u{ad}me.my.example.com",
    "https://ac\u{202e}me.my.example.com",
    "https://\u{df}.my.example.com",
    "https://acme.my.example\u{b7}com",
    "https://acme.my.example.com\u{a0}",
    // Addresses, in every spelling.
    "https://127.0.0.1",
    "https://127.1",
    "https://127.0.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://0177.0.0.1",
    "https://017700000001",
    "https://127.0.0.1.",
    "https://0",
    "https://0.0.0.0",
    "https://10.0.0.1",
    "https://192.168.0.1",
    "https://172.16.0.1",
    "https://100.64.0.1",
    "https://169.254.169.254",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166",
    "https://8.8.8.8",
    "https://256.256.256.256",
    "https://1.2.3",
    "https://1.2.3.4.5",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[fd00::1]",
    "https://[fe80::1]",
    "https://[fe80::1%25eth0]",
    "https://[64:ff9b::7f00:1]",
    "https://[2001:db8::1]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[::1",
    "https://::1]",
    "https://[]",
    "https://[acme.my.example.com]",
    "https://[::1].my.example.com",
    "https://localhost",
    "https://localhost.localdomain",
    "https://metadata",
    "https://metadata.google.internal",
    "https://kubernetes.default.svc",
    "https://127.0.0.1.nip.io",
    "https://acme.my.example.com.127.0.0.1.nip.io",
    // Near misses of the origin that the operator allows.
    "http://127.0.0.1",
    "http://127.0.0.1:80",
    "http://127.0.0.1:8080",
    "http://127.0.0.1:08081",
    "http://127.0.0.1:8081x",
    "http://127.0.0.1:80811",
    "http://127.1:8081",
    "http://127.0.0.1.:8081",
    "http://127.0.0.2:8081",
    "http://2130706433:8081",
    "http://0x7f.0.0.1:8081",
    "http://[::ffff:127.0.0.1]:8081",
    "http://localhost:8081",
    "https://127.0.0.1:8081",
    "http://127.0.0.1:8081/x",
    "http://127.0.0.1:8081?x",
    "http://127.0.0.1:8081#x",
    "http://127.0.0.1:8081@evil.com",
    "http://evil@127.0.0.1:8081",
    "http://evil.com:8081",
    "http://127.0.0.1:8081.my.example.com",
];

/// Claim 27, the reader's half; that nothing is stored or contacted is proved in `tests/authorization.rs`.
#[test]
fn every_hostile_origin_is_refused() {
    assert!(HOSTILE.len() >= 200, "{} values", HOSTILE.len());
    let rules = rules();
    for value in HOSTILE {
        assert!(rules.check(value).is_err(), "accepted {value:?}");
    }
    let long = format!("https://{}.my.example.com", "a".repeat(64));
    assert_eq!(rules.check(&long), Err(HostError::Host));
    let huge = format!("https://{}.my.example.com", "a.".repeat(100_000));
    assert_eq!(rules.check(&huge), Err(HostError::TooLong));
}

#[test]
fn a_provider_s_own_hosts_are_accepted_in_one_spelling() {
    for (text, origin) in [
        ("https://acme.my.example.com", "https://acme.my.example.com"),
        ("https://acme.my.example.com/", "https://acme.my.example.com"),
        ("HTTPS://Acme.My.Example.COM", "https://acme.my.example.com"),
        (
            "https://acme--box.sandbox.my.example.com",
            "https://acme--box.sandbox.my.example.com",
        ),
        ("https://a.my.example.mil", "https://a.my.example.mil"),
        (
            "https://xn--bcher-kva.my.example.com",
            "https://xn--bcher-kva.my.example.com",
        ),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("http://127.0.0.1:8081/", "http://127.0.0.1:8081"),
    ] {
        let read = rules()
            .check(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read.as_str(), origin);
    }
}

#[test]
fn an_origin_tells_its_parts() {
    let origin = Origin::parse("http://[::1]:8081").expect("an origin");
    assert_eq!((origin.host(), origin.authority()), ("[::1]", "[::1]:8081"));
    assert!(origin.host_is_address() && !origin.is_https());
    let origin = Origin::parse("https://[::1]").expect("an origin");
    assert_eq!(origin.host(), "[::1]");
    let origin = Origin::parse("https://Login.Example.com:443").expect("an origin");
    assert_eq!(
        (origin.as_str(), origin.host()),
        ("https://login.example.com", "login.example.com")
    );
    assert!(!origin.host_is_address());
}

#[test]
fn names_and_origins_are_read_up_to_their_longest_and_no_further() {
    let label = "a".repeat(63);
    let longest = format!("https://{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), "https://".len() + 253);
    assert!(Origin::parse(&longest).is_ok());
    assert_eq!(Origin::parse(&format!("{longest}a")), Err(HostError::Host));
    assert_eq!(Origin::parse(&format!("{longest}aa")), Err(HostError::Host));
    let of_bytes = |count: usize| {
        format!("https://{}", "a.".repeat(count))
            .chars()
            .take(count)
            .collect::<String>()
    };
    assert_eq!(Origin::parse(&of_bytes(280)), Err(HostError::Host));
    assert_eq!(Origin::parse(&of_bytes(281)), Err(HostError::TooLong));
    assert_eq!(
        Origin::parse(&format!("https://{label}a.example.com")),
        Err(HostError::Host)
    );
}

#[test]
fn nothing_stands_behind_an_address_in_brackets_but_a_port() {
    assert!(Origin::parse("https://[2001:db8::1]").is_ok());
    assert!(Origin::parse("https://[2001:db8::1]:8443").is_ok());
    for text in ["https://[2001:db8::1]x", "https://[2001:db8::1].example.com"] {
        assert_eq!(Origin::parse(text), Err(HostError::NotAnOrigin), "{text}");
    }
}

#[test]
fn an_origin_is_logged_as_it_is_written() {
    let origin = Origin::parse("https://Acme.example.com:443/").unwrap();
    assert_eq!(format!("{origin:?}"), "https://acme.example.com");
}

#[test]
fn a_suffix_without_a_dot_or_with_one_label_is_refused() {
    for suffix in [
        "my.example.com",
        ".com",
        ".",
        "",
        ".My.Example.com",
        "..example.com",
        ".example.com.",
        ".0.1",
    ] {
        assert!(HostRules::new(&[suffix.to_owned()], &[]).is_err(), "{suffix}");
    }
}
