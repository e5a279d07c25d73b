//! Assertions (RFC 7523): a short-lived JWT, signed with a tenant's key, that is presented in the place of a refresh token.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Secret;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::RsaSigningKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey as _;
use serde_json::json;

/// What begins every block of a PEM text.
const PEM_BEGINS: &str = "-----BEGIN ";
/// What other blocks than private keys begin with, and what they are. The first that is found is told.
const OTHER_BLOCKS: [(&str, KeyError); 6] = [
    ("ENCRYPTED PRIVATE KEY", KeyError::Encrypted),
    ("OPENSSH PRIVATE KEY", KeyError::OpenSsh),
    ("EC PRIVATE KEY", KeyError::NotRsa),
    ("CERTIFICATE", KeyError::Certificate),
    ("PUBLIC KEY", KeyError::Public),
    ("RSA PUBLIC KEY", KeyError::Public),
];

/// Why a text is no key that can sign. Holds no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM at all.
    #[error(
        "holds no PEM: it begins with `-----BEGIN PRIVATE KEY-----`, and its lines end with line breaks (`\\n` in JSON)"
    )]
    NotPem,
    /// Several keys.
    #[error("holds several private keys; send the one whose certificate the app has")]
    Several,
    /// A certificate.
    #[error(
        "is a certificate: that goes to the app at the provider; send the private key that belongs to it"
    )]
    Certificate,
    /// A public key.
    #[error("is a public key: send the private key that belongs to it")]
    Public,
    /// A key under a passphrase.
    #[error(
        "is protected by a passphrase: take it off with `openssl pkcs8 -in key.pem -out plain.pem -topk8 -nocrypt`"
    )]
    Encrypted,
    /// OpenSSH's own form.
    #[error("is in OpenSSH's own form: `ssh-keygen -p -m PEM -f key` writes it as PEM")]
    OpenSsh,
    /// A key of another kind.
    #[error("is no RSA key: assertions are signed with RS256")]
    NotRsa,
    /// A key that is too small.
    #[error("is too small: an RSA key of 2048 to 4096 bits is needed")]
    TooSmall,
    /// A key that is too large.
    #[error("is too large: an RSA key of 2048 to 4096 bits is needed")]
    TooLarge,
    /// PEM that holds no usable key.
    #[error("is damaged: what stands between the lines of the PEM is no RSA key")]
    Damaged,
}

/// What an assertion says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claims<'a> {
    /// `iss`: the client.
    pub(crate) issuer: &'a str,
    /// `sub`: the user.
    pub(crate) subject: &'a str,
    /// `aud`: the authorization server.
    pub(crate) audience: &'a str,
    /// `exp`, s since 1970.
    pub(crate) expires_at_s: i64,
}

/// An RSA private key.
#[derive(Clone)]
pub(crate) struct AssertionKey(Arc<RsaSigningKey>);

impl AssertionKey {
    /// Reads a PEM text with one RSA private key, PKCS#8 or PKCS#1, of 2048 to 4096 bits.
    pub(crate) fn parse(pem: &str) -> Result<Self, KeyError> {
        if !pem.contains(PEM_BEGINS) {
            return Err(KeyError::NotPem);
        }
        let mut keys = PrivateKeyDer::pem_slice_iter(pem.as_bytes());
        let Some(first) = keys.next() else {
            let other = OTHER_BLOCKS
                .iter()
                .find(|(label, _)| pem.contains(&format!("{PEM_BEGINS}{label}-----")));
            return Err(other.map_or(KeyError::Damaged, |(_, error)| *error));
        };
        let key = first.map_err(|_| KeyError::Damaged)?;
        if keys.next().is_some() {
            return Err(KeyError::Several);
        }
        if matches!(key, PrivateKeyDer::Sec1(_)) {
            return Err(KeyError::NotRsa);
        }
        RsaSigningKey::new(&key)
            .map(|key| Self(Arc::new(key)))
            .map_err(|error| rejected(&error))
    }

    /// Signs the claims: `header.claims.signature`, RS256. Nothing when the key cannot sign.
    pub(crate) fn assert(&self, claims: &Claims<'_>) -> Option<Secret> {
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({
            "iss": claims.issuer,
            "sub": claims.subject,
            "aud": claims.audience,
            "exp": claims.expires_at_s,
        });
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signer = self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])?;
        let signature = signer.sign(text.as_bytes()).ok()?;
        Some(Secret::new(format!("{text}.{}", encode(&signature))))
    }
}

/// The library tells its reasons in words only.
fn rejected(error: &rustls::Error) -> KeyError {
    let words = error.to_string();
    let is = |word: &str| words.ends_with(word);
    if is("TooSmall") {
        KeyError::TooSmall
    } else if is("TooLarge") {
        KeyError::TooLarge
    } else if is("WrongAlgorithm") {
        KeyError::NotRsa
    } else {
        KeyError::Damaged
    }
}

#[cfg(test)]
mod tests;
