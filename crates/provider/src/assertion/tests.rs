use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{AssertionKey, Claims, KeyError};

const FIRST: &str = include_str!("../../tests/keys/first.key.pem");
const FIRST_CERTIFICATE: &str = include_str!("../../tests/keys/first.cert.pem");
const SECOND: &str = include_str!("../../tests/keys/second.key.pem");
const PKCS1: &str = include_str!("../../tests/keys/pkcs1.pem");

fn claims() -> Claims<'static> {
    Claims {
        issuer: "client",
        subject: "user@example.com",
        audience: "https://login.example",
        expires_at_s: 1_800_000_000,
    }
}

/// Whether the certificate's key made the signature, as another library reads it.
fn is_signed_by(assertion: &str, certificate: &str) -> bool {
    let (text, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let certificate = webpki::EndEntityCert::try_from(&certificate).unwrap();
    default_provider()
        .signature_verification_algorithms
        .all
        .iter()
        .any(|algorithm| {
            certificate
                .verify_signature(*algorithm, text.as_bytes(), &signature)
                .is_ok()
        })
}

#[test]
fn an_assertion_says_what_it_is_told_and_is_signed() {
    let assertion = AssertionKey::parse(FIRST).unwrap().assert(&claims()).unwrap();
    let parts: Vec<Value> = assertion
        .expose()
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!(
        parts[1],
        json!({"iss": "client", "sub": "user@example.com", "aud": "https://login.example", "exp": 1_800_000_000})
    );
    assert!(is_signed_by(assertion.expose(), FIRST_CERTIFICATE));
    let other = AssertionKey::parse(SECOND).unwrap().assert(&claims()).unwrap();
    assert!(!is_signed_by(other.expose(), FIRST_CERTIFICATE));
}

#[test]
fn both_forms_of_rsa_keys_are_read_with_whatever_stands_around() {
    for pem in [
        PKCS1.to_owned(),
        format!("Bag Attributes\n    friendlyName: x\n{FIRST}"),
        format!("{FIRST_CERTIFICATE}{FIRST}"),
        FIRST.replace('\n', "\r\n"),
        format!("\n\n{FIRST}\n\n"),
    ] {
        assert!(AssertionKey::parse(&pem).is_ok(), "{pem}");
    }
}

#[test]
fn what_is_no_key_is_told_by_what_it_is() {
    let cut = FIRST.lines().take(5).collect::<Vec<_>>().join("\n");
    let flat = FIRST.replace('\n', "");
    let zeros = "-----BEGIN PRIVATE KEY-----\nAAAAAAAA\n-----END PRIVATE KEY-----\n";
    for (pem, expected) in [
        ("", KeyError::NotPem),
        ("MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYw", KeyError::NotPem),
        (FIRST_CERTIFICATE, KeyError::Certificate),
        (include_str!("../../tests/keys/small.pem"), KeyError::TooSmall),
        (include_str!("../../tests/keys/ec.pem"), KeyError::NotRsa),
        (
            include_str!("../../tests/keys/encrypted.pem"),
            KeyError::Encrypted,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
            KeyError::Public,
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
            KeyError::OpenSsh,
        ),
        (&cut, KeyError::Damaged),
        (&flat, KeyError::Damaged),
        (zeros, KeyError::Damaged),
        (&format!("{FIRST}{SECOND}"), KeyError::Several),
    ] {
        assert_eq!(AssertionKey::parse(pem).err(), Some(expected), "{pem}");
    }
}
