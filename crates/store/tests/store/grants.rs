//! What gets tokens where no refresh token does: kept sealed, through refreshes and reconnections.

use model::{ConnectionId, Secret};
use store::{
    ConnectionFlow, CredentialTerms, Grant, NewCredentials, RefreshClaim, Refreshed, SaveOutcome, Store,
    StoreError, Tenant, Tokens,
};

use crate::support::{World, credentials, on_both_databases, tenant, tokens};

on_both_databases!(
    a_grant_stays_with_its_connection_until_that_is_made_anew,
    a_grant_stays_although_a_reply_brings_a_refresh_token,
    a_grant_without_its_parts_is_refused,
    another_account_is_taken_when_that_is_wanted,
);

fn grant() -> Grant {
    Grant::JwtBearer {
        client_id: None,
        username: "user@example.com".to_owned(),
        private_key: Secret::new("canary-private-key"),
    }
}

fn terms() -> CredentialTerms {
    CredentialTerms {
        grant: Some(grant()),
        allow_account_change: false,
    }
}

fn without_refresh_token() -> NewCredentials {
    NewCredentials {
        tokens: tokens("access-1", None),
        ..credentials(Some("server"))
    }
}

/// The first refresh of a connection, with these tokens as the answer.
async fn refresh(store: &Store, tenant: &Tenant, id: &ConnectionId, tokens: Tokens) {
    let claimed = store.claim_refresh(tenant, id, 1, "test", 60_000).await.unwrap();
    let RefreshClaim::Claimed { fence, .. } = claimed else {
        panic!("{claimed:?}")
    };
    let refreshed = Refreshed {
        tokens,
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    let saved = store
        .save_refreshed(tenant, id, 1, fence, &refreshed)
        .await
        .unwrap();
    assert_eq!(saved, SaveOutcome::Saved { version: 2 });
}

async fn a_grant_stays_with_its_connection_until_that_is_made_anew(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let made = store
        .save_credentials_on(&tenant, without_refresh_token(), &terms())
        .await
        .unwrap();
    assert_eq!(made.flow, ConnectionFlow::JwtBearer);
    let held = store.tokens(&tenant, &made.id).await.unwrap();
    assert_eq!(held.grant, Some(grant()));
    assert!(held.is_refreshable());
    assert!(!format!("{held:?}").contains("canary"), "{held:?}");

    refresh(&store, &tenant, &made.id, tokens("access-2", None)).await;
    let held = store.tokens_fresh(&tenant, &made.id).await.unwrap();
    assert_eq!(
        (&held.tokens, &held.grant),
        (&tokens("access-2", None), &Some(grant()))
    );
    let refreshed_at_ms = store
        .connection(&tenant, &made.id)
        .await
        .unwrap()
        .last_refreshed_at_ms;
    assert!(refreshed_at_ms.is_some());

    // A person agreed: from now on their refresh token gets the tokens, and the key is gone.
    let again = store
        .save_new_credentials(&tenant, credentials(Some("server")))
        .await
        .unwrap();
    assert_eq!(
        (&again.id, again.flow),
        (&made.id, ConnectionFlow::AuthorizationCode)
    );
    let held = store.tokens_fresh(&tenant, &made.id).await.unwrap();
    assert_eq!((&held.grant, held.tokens.refresh_token.is_some()), (&None, true));
}

async fn a_grant_stays_although_a_reply_brings_a_refresh_token(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let made = store
        .save_credentials_on(&tenant, without_refresh_token(), &terms())
        .await
        .unwrap();
    refresh(&store, &tenant, &made.id, tokens("access-2", Some("refresh-2"))).await;
    let held = store.tokens_fresh(&tenant, &made.id).await.unwrap();
    assert_eq!(
        held.grant,
        Some(grant()),
        "it is the tenant's own, and the way to all tokens to come"
    );
}

async fn a_grant_without_its_parts_is_refused(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    for (username, private_key) in [("", "key"), ("a\nb", "key"), ("user", "")] {
        let terms = CredentialTerms {
            grant: Some(Grant::JwtBearer {
                client_id: None,
                username: username.to_owned(),
                private_key: Secret::new(private_key),
            }),
            allow_account_change: false,
        };
        let refused = store
            .save_credentials_on(&tenant, without_refresh_token(), &terms)
            .await;
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{refused:?}");
    }
}

async fn another_account_is_taken_when_that_is_wanted(world: &World) {
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let made = store
        .save_new_credentials(&tenant, credentials(Some("server")))
        .await
        .unwrap();
    let moved = NewCredentials {
        account_id: Some("account-2".to_owned()),
        ..credentials(Some("server"))
    };
    let terms = CredentialTerms {
        grant: None,
        allow_account_change: true,
    };
    let after = store.save_credentials_on(&tenant, moved, &terms).await.unwrap();
    assert_eq!(
        (&after.id, after.account_id.as_deref()),
        (&made.id, Some("account-2"))
    );
}
