mod bodies;
mod exchanges;

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, StatusCode};

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::address::{NotPublic, Resolver, is_public, only_public};
use super::{EgressError, absolute_uri, refuse_redirect, unzip};
use crate::hosts::Origin;

#[test]
fn only_public_addresses_pass() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:20::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        let parsed: IpAddr = address.parse().expect("an address");
        assert!(!is_public(parsed), "{address} passed");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.1",
        "99.64.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.128.16",
        "168.63.129.15",
        "169.253.1.1",
        "169.255.1.1",
        "171.16.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "191.168.1.1",
        "192.0.1.1",
        "192.1.0.1",
        "192.88.98.1",
        "192.89.99.1",
        "192.167.1.1",
        "198.17.255.255",
        "198.20.0.1",
        "198.50.100.1",
        "198.51.101.1",
        "203.0.112.1",
        "203.1.113.1",
        "223.255.255.255",
        "2001:200::1",
        "2001:db9::1",
        "2003::1",
        "2606:db8::1",
        "2606:4700::1",
        "2a00::1",
        "3ffe::1",
        "3fff:1000::1",
    ] {
        let parsed: IpAddr = address.parse().expect("an address");
        assert!(is_public(parsed), "{address} did not pass");
    }
}

#[tokio::test]
async fn a_name_that_stands_for_private_addresses_only_does_not_resolve() {
    let resolve = async |public_only: bool, name: &str| {
        let name: Name = name.parse().expect("a name");
        Resolver { public_only }.call(name).await
    };
    let is_not_public =
        |error: &std::io::Error| matches!(error.get_ref(), Some(inner) if inner.is::<NotPublic>());
    let refused = resolve(true, "localhost").await.expect_err("loopback");
    assert!(is_not_public(&refused), "{refused}");
    let allowed = resolve(false, "localhost").await.expect("the operator allows it");
    let allowed: Vec<_> = allowed.map(|address| address.ip()).collect();
    assert!(
        !allowed.is_empty() && allowed.iter().all(IpAddr::is_loopback),
        "{allowed:?}"
    );
    let unknown = resolve(true, "nobody.invalid").await.expect_err("no such name");
    assert!(!is_not_public(&unknown), "{unknown}");
}

#[test]
fn of_a_name_s_addresses_the_public_ones_are_left() {
    let of = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    };
    let mixed = only_public(of(&["10.0.0.1:0", "8.8.8.8:0", "[::1]:0", "[2606:4700::1]:0"]));
    let left: Vec<SocketAddr> = mixed.expect("two are public").collect();
    assert_eq!(left, of(&["8.8.8.8:0", "[2606:4700::1]:0"]));
    for none in [&[][..], &["127.0.0.1:0"]] {
        assert!(only_public(of(none)).is_err(), "{none:?}");
    }
}

#[test]
fn the_host_of_a_uri_is_the_origin_s_whatever_the_target_holds() {
    let origin = Origin::parse("https://acme.example.com").expect("an origin");
    assert_eq!(
        absolute_uri(&origin, "/a?b=c").map(|uri| uri.to_string()),
        Ok("https://acme.example.com/a?b=c".to_owned())
    );
    for target in [
        "",
        "a",
        ".evil.com/a",
        "@evil.com/",
        ":80/a",
        "https://evil.com/",
        "?a",
        "/a b",
        "/a\r\nHost: evil.com",
    ] {
        assert!(absolute_uri(&origin, target).is_err(), "{target:?}");
    }
    let with_slashes = absolute_uri(&origin, "//evil.com/a").expect("a path of this host");
    assert_eq!(with_slashes.host(), Some("acme.example.com"));
}

#[test]
fn redirects_are_told_from_other_300s() {
    let none = HeaderMap::new();
    let mut somewhere = HeaderMap::new();
    somewhere.insert("location", HeaderValue::from_static("https://evil.com"));
    for status in [301, 302, 303, 305, 307, 308] {
        let status = StatusCode::from_u16(status).expect("a status");
        assert_eq!(
            refuse_redirect(status, &none),
            Err(EgressError::Redirect {
                status: status.as_u16()
            })
        );
    }
    assert!(refuse_redirect(StatusCode::MULTIPLE_CHOICES, &somewhere).is_err());
    assert!(refuse_redirect(StatusCode::MULTIPLE_CHOICES, &none).is_ok());
    assert!(refuse_redirect(StatusCode::NOT_MODIFIED, &somewhere).is_ok());
    assert!(refuse_redirect(StatusCode::CREATED, &somewhere).is_ok());
}

#[test]
fn unzipping_stops_at_the_cap_and_survives_a_cut() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b'a'; 10_000]).expect("zips");
    let zipped = encoder.finish().expect("zips");
    assert_eq!(unzip(&zipped, 10_000).map(|bytes| bytes.len()), Some(10_000));
    assert_eq!(unzip(&zipped, 9_999), None);
    assert!(unzip(&zipped[..zipped.len() - 9], 10_000).is_some());
    assert_eq!(unzip(b"not gzip at all", 10_000), None);
}
