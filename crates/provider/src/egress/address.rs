//! Name resolution that answers only addresses of the public internet.
//!
//! The connection uses the very address that was checked here, so a name that answers differently the second time (DNS
//! rebinding) gains nothing. Hosts written as addresses never come here: [`super::Egress`] refuses them before.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

/// All addresses of a name are private, loopback, link-local or otherwise not on the public internet.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the host's address is not a public one")]
pub(crate) struct NotPublic;

/// Asks the operating system, then drops addresses that are not public unless the operator allows the origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolver {
    pub(crate) public_only: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if public_only {
                return only_public(found);
            }
            Ok(found.into_iter())
        })
    }
}

/// The public ones of a name's addresses.
pub(crate) fn only_public(mut found: Vec<SocketAddr>) -> std::io::Result<std::vec::IntoIter<SocketAddr>> {
    found.retain(|address| is_public(address.ip()));
    if found.is_empty() {
        return Err(std::io::Error::other(NotPublic));
    }
    Ok(found.into_iter())
}

/// Whether an address belongs to the public internet. Source: the IANA special-purpose address registries.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        // What answers every machine of one large cloud at a public address, though it is no host of the internet.
        || address == Ipv4Addr::new(168, 63, 129, 16)
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only 2000::/3 is handed out; loopback, mapped IPv4, ULA, link-local, multicast and NAT64 lie outside.
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    // Inside it, some ranges carry an IPv4 address or are for documents: Teredo and its neighbours, 6to4.
    let special = (segments[0] == 0x2001 && (segments[1] < 0x0200 || segments[1] == 0x0db8))
        || segments[0] == 0x2002
        || (segments[0] == 0x3fff && segments[1] < 0x1000);
    global_unicast && !special
}
