//! The commands speak https too, trust whom they are told to, and follow nobody elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Shell, URL};
use crate::support::{Backend, World, both};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/tls");

/// Ends TLS before the gateway, as a load balancer does; counts the connections on which it came to that.
async fn tls_before(gateway: String) -> (u16, Arc<AtomicUsize>) {
    let file = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).expect("a file");
    let certificate = CertificateDer::from_pem_slice(&file("server.cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&file("server.key.pem")).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, gateway, count) = (acceptor.clone(), gateway.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                count.fetch_add(1, Ordering::SeqCst);
                let mut gateway = TcpStream::connect(gateway).await.expect("a gateway");
                // Either side may close as it likes.
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut gateway).await;
            });
        }
    });
    (port, ended)
}

both!(a_gateway_is_reached_over_https_by_who_trusts_it);
async fn a_gateway_is_reached_over_https_by_who_trusts_it(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let gateway = world.gateways[0].url.trim_start_matches("http://").to_owned();
    let (port, ended) = tls_before(gateway).await;
    let tenant = Shell::of(&caller.tenant, &world).with(URL, &format!("https://127.0.0.1:{port}"));
    let trusting = tenant.with("SSL_CERT_FILE", &format!("{FOLDER}/authority.cert.pem"));

    let id = caller.connection_id.as_str();
    assert!(trusting.done(&["connections", "list"]).contains(id));
    trusting.done(&["connections", "rename", id, "over https"]);
    let shown = caller.get(&format!("/connections/{id}")).await.json();
    assert_eq!(shown["external_id"], "over https");
    let by_name = format!("https://localhost:{port}/");
    assert!(
        trusting
            .done(&["connections", "list", "--url", &by_name])
            .contains(id)
    );
    trusting.refused(&["connections", "show", "con_1"], "No such connection");
    let explained = trusting.json(&["mappings", "explain", "--connection", id, "contacts"]);
    assert_eq!(explained, caller.get("/unified/meta/crm/contacts").await.json());
    let operator = trusting.with("CROSSWALK_OPERATOR_KEY", &world.operator_key);
    assert!(operator.done(&["keys", "status"]).contains("wraps what is new"));

    // Nobody else is spoken to: no key leaves.
    let so_far = ended.load(Ordering::SeqCst);
    assert!(so_far >= 5, "{so_far}");
    tenant.refused(&["connections", "list"], "SSL_CERT_FILE");
    let other = tenant.with(
        "SSL_CERT_FILE",
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../provider/tests/keys/first.cert.pem"
        ),
    );
    other.refused(&["connections", "list"], "certificate");
    let nothing = tenant.with("SSL_CERT_FILE", "/no/such/file");
    nothing.refused(&["connections", "list"], "whom to trust is not known");
    assert_eq!(ended.load(Ordering::SeqCst), so_far);
    // Over http nothing of this is needed.
    assert!(
        nothing
            .done(&["connections", "list", "--url", &world.gateways[0].url])
            .contains(id)
    );
    let plain = format!("http://127.0.0.1:{port}");
    tenant.refused(&["connections", "list", "--url", &plain], "the connection broke");
    tenant.refused(
        &["connections", "list", "--url", "http://127.0.0.1:9"],
        "127.0.0.1:9: cannot be reached",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_gateway_is_told_and_not_followed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let elsewhere = async move || {
        count.fetch_add(1, Ordering::SeqCst);
        axum::Json(json!({"result": [], "next_cursor": null}))
    };
    let routes = Router::new()
        .route(
            "/moved/connections",
            axum::routing::get((StatusCode::FOUND, [("location", "/elsewhere")])),
        )
        .route("/elsewhere", axum::routing::get(elsewhere))
        .route(
            "/large/connections",
            axum::routing::get(async || vec![b' '; (32 << 20) + 1]),
        )
        .route("/page/connections", axum::routing::get("<html>"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let shell = Shell(vec![("CROSSWALK_API_KEY", "cw_live_nobody".to_owned())]);
    for (folder, told) in [
        ("moved", "redirect (302) to /elsewhere, which is not followed"),
        ("large", "larger than 33554432 bytes"),
        ("page", "answered 200, and not as a gateway does"),
    ] {
        let url = format!("{origin}/{folder}");
        shell.refused(&["connections", "list", "--url", &url], told);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
