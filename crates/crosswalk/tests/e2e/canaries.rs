//! The search for secrets that ends every test finds what is planted.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::support::canaries::{Canaries, collect, plants};
use crate::support::{Backend, World, both};

both!(claim_30_a_secret_that_a_gateway_wrote_is_found);

/// Whether the search that ends the world's test fails, and why.
fn search_of(world: World) -> Option<String> {
    let searched = std::thread::spawn(move || drop(world)).join();
    let told = searched.err()?;
    let told = told.downcast_ref::<String>().expect("a text").clone();
    Some(told)
}

async fn claim_30_a_secret_that_a_gateway_wrote_is_found(backend: Backend) {
    // Nothing is planted: nothing is found, after the main job was done.
    let world = World::small(backend).await;
    let caller = world.connected().await;
    caller.contacts("limit=5").await;
    drop(caller);
    let told = search_of(world);
    assert_eq!(told, None);

    // In a log.
    let world = World::small(backend).await;
    world.tenant("Test").await;
    let log = world.gateways[0].log.clone();
    let line = format!(
        "token={}\n",
        STANDARD.encode(format!("{{\"a\":\"{}xyz\"}}", simulator::SECRET_MARK))
    );
    let whole = std::fs::read_to_string(&log).expect("a log") + &line;
    assert!(
        whole.contains("DEBUG"),
        "the log tells more than a production log: {whole}"
    );
    std::fs::write(&log, whole).expect("a log");
    let told = search_of(world).expect("found");
    assert!(told.contains(".log: a token or code, in base64"), "{told}");

    // In the database.
    let world = World::small(backend).await;
    world
        .tenant(simulator::Options::default().client_secret.as_str())
        .await;
    let told = search_of(world).expect("found");
    assert!(told.contains("the app's client secret, as it is"), "{told}");

    // A key that was shown once, in a file beside.
    let world = World::small(backend).await;
    let tenant = world.tenant("Test").await;
    let file = world.directory.path().join("dump");
    std::fs::write(file, URL_SAFE_NO_PAD.encode(format!("12{}", tenant.key))).expect("a file");
    let told = search_of(world).expect("found");
    assert!(told.contains("an API key, in base64"), "{told}");

    // A customer's address, percent-encoded as in a logged URL.
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let page = caller.contacts("limit=40&sort=id").await;
    drop(caller);
    let mut addresses = page["result"].as_array().expect("records").iter();
    let address = addresses
        .find_map(|contact| contact["email_addresses"][0]["email"].as_str())
        .expect("an address");
    let escaped: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    std::fs::write(
        world.directory.path().join("note"),
        format!("/x?email={escaped}&y"),
    )
    .expect("a file");
    let told = search_of(world).expect("found");
    assert!(
        told.contains("a customer's e-mail address, escaped for a URL"),
        "{told}"
    );
}

#[test]
fn every_spelling_of_every_secret_is_found() {
    collect(br#"{"key":"cw_live_abcdefgh0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdef","prefix":"cw_live_abcdefgh"}"#);
    collect(br#"{"secret":"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}"#);
    let canaries = Canaries::common();
    let planted = plants(&canaries);
    let canaries = canaries.search();
    assert!(planted.len() > 50, "{}", planted.len());
    for (name, spelling, text) in planted {
        let mut bytes = b"some text before ".to_vec();
        bytes.extend_from_slice(&text);
        bytes.extend_from_slice(b" and after");
        let found = canaries.found_in(&bytes);
        assert_eq!(found.len(), 1, "{name}, {spelling}");
        bytes[17 + text.len() / 2] ^= 1;
        assert!(canaries.found_in(&bytes).is_empty(), "{name}, {spelling}");
    }
    // Within a longer text, wherever it begins.
    for before in 0..6 {
        for after in 0..6 {
            let text = format!(
                "{}{}{}",
                "x".repeat(before),
                simulator::SECRET_MARK,
                "y".repeat(after)
            );
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(!canaries.found_in(encoded.as_bytes()).is_empty(), "{encoded}");
            }
        }
    }
    assert!(canaries.found_in(b"cw_live_abcdefgh is public").is_empty());
}
