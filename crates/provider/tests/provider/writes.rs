//! What counts as a write that may have been carried out.

use std::time::Duration;

use http::Method;
use provider::{Call, WriteTally, tally_writes};

use crate::calls::warm;
use crate::support::World;

async fn tally(world: &World, method: Method, path: &str) -> (u32, u32) {
    let connection = world.now().await;
    let call = Call {
        method,
        ..Call::get(path)
    };
    let (_, WriteTally { sent, refused }) =
        tally_writes(world.providers.send(&world.tenant, &connection, call)).await;
    (sent, refused)
}

#[tokio::test]
async fn writes_are_counted_where_they_leave_and_refusals_with_them() {
    let world = warm().await;
    for (method, path, counted) in [
        (Method::GET, "/things", (0, 0)),
        (Method::POST, "/things", (1, 0)),
        (Method::PATCH, "/things", (1, 0)),
        (Method::DELETE, "/things", (1, 0)),
        (Method::POST, "/limited", (1, 1)),
        (Method::POST, "/forbidden", (1, 1)),
        // A redirect is an answer: the request was not carried out where it came.
        (Method::POST, "/moved", (1, 1)),
        // The answer is unreadable, but the head said that it was done.
        (Method::POST, "/bomb", (1, 0)),
        // A session that is over refuses it, before the refresh and after it.
        (Method::POST, "/always-over", (2, 2)),
        // Never sent.
        (Method::POST, "/../oauth/revoke", (0, 0)),
    ] {
        assert_eq!(
            tally(&world, method.clone(), path).await,
            counted,
            "{method} {path}"
        );
    }
    let together = tally_writes(async {
        let connection = world.now().await;
        for path in ["/things", "/limited"] {
            let call = Call {
                method: Method::POST,
                ..Call::get(path)
            };
            let sent = world.providers.send(&world.tenant, &connection, call).await;
            assert!(sent.is_ok());
        }
    });
    let ((), tally) = together.await;
    assert_eq!(tally, WriteTally { sent: 2, refused: 1 });
    assert!(tally.may_have_changed());
}

#[tokio::test]
async fn a_write_that_is_given_up_half_way_may_have_been_carried_out() {
    let world = warm().await;
    let connection = world.now().await;
    let call = Call {
        method: Method::POST,
        ..Call::get("/hangs")
    };
    let sending = world.providers.send(&world.tenant, &connection, call);
    let waiting = tokio::time::timeout(Duration::from_millis(300), sending);
    let (outcome, tally) = tally_writes(waiting).await;
    assert!(outcome.is_err(), "it hangs");
    assert_eq!(tally, WriteTally { sent: 1, refused: 0 });
}

#[tokio::test]
async fn a_provider_that_is_not_there_was_sent_nothing() {
    let world = warm().await;
    world
        .tamper("UPDATE connections SET instance_url = 'http://127.0.0.1:1'")
        .await;
    world
        .store
        .tokens_fresh(&world.tenant, &world.connection.id)
        .await
        .unwrap();
    let (sent, refused) = tally(&world, Method::POST, "/things").await;
    assert_eq!(sent, refused);
}
