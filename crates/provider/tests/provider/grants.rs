//! Connections without a browser: one request for everybody, by the credential that made them.

use std::sync::Arc;

use model::Secret;
use provider::{Call, CallError, GrantError, NewGrant};
use serde_json::json;
use store::{Connection, ConnectionChange, ConnectionFlow, ConnectionState, Grant, OwnClient};

use crate::fake::TokenScript;
use crate::support::World;

pub(crate) fn new(client: Option<(&str, &str)>) -> NewGrant {
    NewGrant {
        provider: "acme".to_owned(),
        environment: "production".to_owned(),
        login_host: None,
        external_id: None,
        connection_id: None,
        allow_account_change: false,
        grant: Grant::ClientCredentials {
            client: client.map(|(id, secret)| OwnClient {
                id: id.to_owned(),
                secret: Secret::new(secret),
            }),
        },
    }
}

async fn connected(world: &World, client: Option<(&str, &str)>) -> Connection {
    world
        .providers
        .connect_without_browser(&world.tenant, new(client))
        .await
        .unwrap()
}

async fn get(world: &World, id: &model::ConnectionId) -> Result<u16, CallError> {
    let connection = world.store.connection(&world.tenant, id).await.unwrap();
    let reply = world
        .providers
        .send(&world.tenant, &connection, Call::get("/things"))
        .await?;
    Ok(reply.status.as_u16())
}

fn last_body(world: &World) -> String {
    world.fake.token_bodies.lock().unwrap().last().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_present_the_credential_once() {
    let world = Arc::new(World::new().await);
    let made = connected(&world, Some(("own", "own-secret"))).await;
    assert_eq!(made.flow, ConnectionFlow::ClientCredentials);
    let answer = "grant_type=client_credentials&client_id=own&client_secret=own-secret";
    assert_eq!(last_body(&world), answer);
    // A token that the provider does not take.
    world
        .tamper("UPDATE connections SET access_expires_at_ms = 1 WHERE flow = 'client_credentials'")
        .await;
    world.store.tokens_fresh(&world.tenant, &made.id).await.unwrap();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (world, id) = (Arc::clone(&world), made.id.clone());
            tokio::spawn(async move { get(&world, &id).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), 200);
    }
    assert_eq!(world.fake.posts(), 2, "one to connect, one to refresh");
    assert_eq!(last_body(&world), answer);
}

#[tokio::test]
async fn the_operators_application_is_presented_where_no_client_is_named() {
    let world = World::new().await;
    connected(&world, None).await;
    assert_eq!(
        last_body(&world),
        "grant_type=client_credentials&client_id=client&client_secret=s3cret%26%3D"
    );
}

#[tokio::test]
async fn what_the_provider_refuses_or_names_wrongly_is_not_kept() {
    let world = World::new().await;
    let refuse = |body: &str| TokenScript::Answer(400, body.to_owned());
    world.fake.next(refuse(
        r#"{"error":"invalid_client","error_description":"no\u0007 such <client>"}"#,
    ));
    let refused = world
        .providers
        .connect_without_browser(&world.tenant, new(None))
        .await;
    let Err(GrantError::Refused(refusal)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refusal.code.as_deref(), Some("invalid_client"));
    assert_eq!(refusal.description.as_deref(), Some("no such <client>"));
    world.fake.next(TokenScript::Answer(503, "<html>".to_owned()));
    let down = world
        .providers
        .connect_without_browser(&world.tenant, new(None))
        .await;
    assert!(matches!(down, Err(GrantError::NoAnswer { .. })), "{down:?}");
    world.fake.next(TokenScript::RotateWith(
        json!({"instance_url": "https://evil.example"}),
    ));
    let hostile = world
        .providers
        .connect_without_browser(&world.tenant, new(None))
        .await;
    assert!(matches!(hostile, Err(GrantError::Host(_))), "{hostile:?}");
    let unknown_flow = NewGrant {
        grant: Grant::JwtBearer {
            client_id: None,
            username: "user".to_owned(),
            private_key: Secret::new(include_str!("../keys/first.key.pem")),
        },
        ..new(None)
    };
    let refused = world
        .providers
        .connect_without_browser(&world.tenant, unknown_flow)
        .await;
    let Err(GrantError::NotOffered { offered, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(offered, ["client_credentials"]);
    let all = world
        .store
        .list_connections(&world.tenant, store::ConnectionFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(all.len(), 1, "only the world's own");
    assert!(world.fake.seen().is_empty());
}

#[tokio::test]
async fn a_refused_credential_rests_or_needs_a_person_and_blames_nobody_else() {
    let world = World::new().await;
    let own = connected(&world, Some(("own", "own-secret"))).await;
    let shared = connected(&world, None).await;
    let invalid_client = || TokenScript::Answer(400, r#"{"error":"invalid_client"}"#.to_owned());
    world
        .tamper("UPDATE connections SET access_expires_at_ms = 1")
        .await;
    for id in [&own.id, &shared.id] {
        world.store.tokens_fresh(&world.tenant, id).await.unwrap();
    }
    // The operator's application: nobody is marked, and this connection alone rests.
    world.fake.next(invalid_client());
    let posts = world.fake.posts();
    for _ in 0..2 {
        let error = get(&world, &shared.id).await.unwrap_err();
        assert!(matches!(error, CallError::NotAdmitted), "{error:?}");
    }
    assert_eq!(world.fake.posts(), posts + 1);
    let state = |id: model::ConnectionId| {
        let world = &world;
        async move { world.store.connection(&world.tenant, &id).await.unwrap() }
    };
    assert_eq!(state(shared.id.clone()).await.state, ConnectionState::Active);
    // A client of the tenant's own: the tenant must act, and nothing more is sent.
    world.fake.next(invalid_client());
    let posts = world.fake.posts();
    for _ in 0..2 {
        let error = get(&world, &own.id).await.unwrap_err();
        assert!(matches!(error, CallError::NeedsReauth { .. }), "{error:?}");
    }
    assert_eq!(world.fake.posts(), posts + 1);
    let marked = state(own.id.clone()).await;
    assert_eq!(marked.state, ConnectionState::NeedsReauth);
    assert_eq!(marked.state_reason.as_deref(), Some("credential_refused"));
    // Connections that people made are not made to rest: their refresh token is presented.
    get(&world, &world.connection.id).await.unwrap_err();
    assert_eq!(world.fake.posts(), posts + 2);
}

#[tokio::test]
async fn a_paused_connection_is_not_called_nor_refreshed() {
    let world = World::new().await;
    let made = connected(&world, None).await;
    let posts = world.fake.posts();
    let change = |paused| ConnectionChange {
        paused: Some(paused),
        ..ConnectionChange::default()
    };
    world
        .store
        .change_connection(&world.tenant, &made.id, change(true))
        .await
        .unwrap();
    let error = get(&world, &made.id).await.unwrap_err();
    assert!(matches!(error, CallError::Paused), "{error:?}");
    assert!(world.fake.seen().is_empty());
    assert_eq!(world.fake.posts(), posts);
    world
        .store
        .change_connection(&world.tenant, &made.id, change(false))
        .await
        .unwrap();
    assert_eq!(get(&world, &made.id).await.unwrap(), 200);
}
