//! Another tenant's row is answered as one that does not exist (claim 32, the store's part).

use model::{ConnectionId, OsRandom};
use sqlx::{Connection as _, PgConnection, Row as _};
use store::{
    ConnectionChange, ConnectionFilter, IdempotencyClaim, IdempotencyRequest, NewConnectSession,
    NewCredentials, NewMappingSession, OverrideLevel, RefreshRelease, Refreshed, StoreError, Tenant,
};

use crate::support::{World, connection, credentials, on_both_databases, tenant, tokens};

on_both_databases!(every_method_answers_a_foreign_id_as_an_unknown_one);

fn error<T>(answer: Result<T, StoreError>) -> StoreError {
    answer.err().expect("must be refused")
}

/// The answers of every method that takes a connection's id, in one order.
async fn answers(store: &store::Store, tenant: &Tenant, id: &ConnectionId) -> Vec<StoreError> {
    let refreshed = Refreshed {
        tokens: tokens("evil", Some("evil")),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    let level = OverrideLevel::Connection(id.clone());
    let credentials = NewCredentials {
        connection_id: Some(id.clone()),
        ..credentials(None)
    };
    let session = NewConnectSession {
        provider: "testcrm".to_owned(),
        environment: "production".to_owned(),
        login_url: "https://login.example".to_owned(),
        is_environment_open: false,
        external_id: None,
        scopes: Vec::new(),
        return_to: None,
        connection_id: Some(id.clone()),
        allow_account_change: false,
        opener_origin: None,
    };
    let page = NewMappingSession {
        connection_id: id.clone(),
        resources: Vec::new(),
        return_to: None,
    };
    vec![
        error(store.connection(tenant, id).await),
        error(store.tokens(tenant, id).await),
        error(store.tokens_fresh(tenant, id).await),
        error(store.save_new_credentials(tenant, credentials).await),
        error(
            store
                .change_connection(tenant, id, ConnectionChange::default())
                .await,
        ),
        error(store.claim_refresh(tenant, id, 1, "evil", 1_000).await),
        error(store.extend_refresh(tenant, id, 1, 1_000).await),
        error(store.save_refreshed(tenant, id, 1, 1, &refreshed).await),
        error(store.release_refresh(tenant, id, 1, RefreshRelease::Failed).await),
        error(
            store
                .release_refresh(tenant, id, 1, RefreshRelease::OutcomeUnknown { cooldown_ms: 1 })
                .await,
        ),
        error(store.mark_needs_reauth(tenant, id, 1, 1, "evil").await),
        error(
            store
                .put_override(tenant, &level, "testcrm", "contacts", "evil: 1")
                .await,
        ),
        error(
            store
                .replace_override(tenant, &level, "testcrm", "contacts", "evil: 1", 1)
                .await,
        ),
        error(
            store
                .override_version(tenant, &level, "testcrm", "contacts", 1)
                .await,
        ),
        error(store.delete_override(tenant, &level, "testcrm", "contacts").await),
        error(store.get_override(tenant, &level, "testcrm", "contacts").await),
        error(
            store
                .override_history(tenant, &level, "testcrm", "contacts")
                .await,
        ),
        error(store.create_connect_session(tenant, session, 1_000).await),
        error(store.create_mapping_session(tenant, page, 1_000).await),
        error(
            store
                .claim_idempotency_key(
                    tenant,
                    id,
                    IdempotencyRequest {
                        key: "evil",
                        fingerprint: &[0; 32],
                        lease_ms: 1,
                        keep_ms: 1,
                    },
                )
                .await,
        ),
        error(store.delete_connection(tenant, id).await),
    ]
}

async fn every_method_answers_a_foreign_id_as_an_unknown_one(world: &World) {
    let store = world.store().await;
    let (victim, attacker) = (tenant(&store).await, tenant(&store).await);
    let own = store
        .save_new_credentials(&victim, credentials(Some("customer")))
        .await
        .unwrap();
    let level = OverrideLevel::Connection(own.id.clone());
    store
        .put_override(&victim, &level, "testcrm", "contacts", "mine: 1")
        .await
        .unwrap();
    store
        .put_override(&victim, &OverrideLevel::Tenant, "testcrm", "contacts", "mine: 2")
        .await
        .unwrap();
    store
        .claim_refresh(&victim, &own.id, 1, "victim", 60_000)
        .await
        .unwrap();
    // The victim's rows are in memory, where a careless cache would hand them out.
    let connection_before = store.connection(&victim, &own.id).await.unwrap();
    let tokens_before = store.tokens(&victim, &own.id).await.unwrap();
    store
        .connection_by_external_id(&victim, "testcrm", "customer")
        .await
        .unwrap();
    store.overrides_for(&victim, &own, "contacts").await.unwrap();

    let unknown = answers(&store, &attacker, &ConnectionId::generate(&OsRandom)).await;
    let foreign = answers(&store, &attacker, &own.id).await;
    assert_eq!(foreign, unknown);
    assert!(
        foreign.iter().all(|error| *error == StoreError::NotFound),
        "{foreign:?}"
    );
    assert_eq!(
        error(
            store
                .connection_by_external_id(&attacker, "testcrm", "customer")
                .await
        ),
        StoreError::NotFound
    );
    let all = store
        .list_connections(&attacker, ConnectionFilter::default(), None, 100)
        .await
        .unwrap();
    assert!(all.is_empty());
    assert!(store.list_overrides(&attacker).await.unwrap().is_empty());
    assert!(
        store
            .overrides_for(&attacker, &own, "contacts")
            .await
            .unwrap()
            .is_empty()
    );
    // A spill under a foreign id is never applied: the tenant is part of the place it is sealed to.
    let evil = Refreshed {
        tokens: tokens("evil", None),
        instance_url: None,
        scopes: None,
        access_expires_at_ms: None,
        was_refused: false,
    };
    store
        .spill_refreshed(&attacker, &own.id, 1, 1, &evil)
        .await
        .unwrap();
    assert_eq!(store.recover_spilled().await.unwrap(), 0);

    assert_eq!(
        store.connection(&victim, &own.id).await.unwrap(),
        connection_before
    );
    assert_eq!(store.tokens_fresh(&victim, &own.id).await.unwrap(), tokens_before);
    assert_eq!(
        store
            .overrides_for(&victim, &own, "contacts")
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(store.list_overrides(&victim).await.unwrap().len(), 2);
}

/// The second wall: the program's own role, asking without saying for whom, sees nothing.
#[tokio::test]
async fn on_postgres_the_role_sees_no_row_without_a_tenant() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let store = world.store().await;
    let (one, other) = (tenant(&store).await, tenant(&store).await);
    for tenant in [&one, &other] {
        let own = connection(&store, tenant).await;
        let request = IdempotencyRequest {
            key: "key",
            fingerprint: &[0; 32],
            lease_ms: 1_000,
            keep_ms: 1_000,
        };
        let claim = store.claim_idempotency_key(tenant, &own.id, request).await;
        assert!(matches!(claim, Ok(IdempotencyClaim::Claimed(_))), "{claim:?}");
        let level = OverrideLevel::Connection(own.id);
        store
            .put_override(tenant, &level, "testcrm", "contacts", "a: 1")
            .await
            .unwrap();
    }
    let mut role = PgConnection::connect(world.config.database_url.expose())
        .await
        .unwrap();
    let counts = "SELECT (SELECT count(*) FROM tenants) AS a, (SELECT count(*) FROM api_keys) AS b, \
                  (SELECT count(*) FROM connections) AS c, (SELECT count(*) FROM mapping_overrides) AS d, \
                  (SELECT count(*) FROM mapping_override_versions) AS e, \
                  (SELECT count(*) FROM connect_sessions) AS f, (SELECT count(*) FROM idempotency_keys) AS g";
    let row = sqlx::query(counts).fetch_one(&mut role).await.unwrap();
    assert_eq!(
        (0..7).map(|column| row.get::<i64, _>(column)).collect::<Vec<_>>(),
        [0, 0, 0, 0, 0, 0, 0]
    );

    let mut as_one = role.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
        .bind(one.id().as_str())
        .execute(&mut *as_one)
        .await
        .unwrap();
    let row = sqlx::query(counts).fetch_one(&mut *as_one).await.unwrap();
    assert_eq!(
        (0..7).map(|column| row.get::<i64, _>(column)).collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 0, 1]
    );
    let stolen = sqlx::query("UPDATE connections SET state = 'revoked' WHERE tenant_id = $1")
        .bind(other.id().as_str())
        .execute(&mut *as_one)
        .await
        .unwrap();
    assert_eq!(stolen.rows_affected(), 0);
    let given = sqlx::query("UPDATE connections SET tenant_id = $1").bind(other.id().as_str());
    assert!(
        given.execute(&mut *as_one).await.is_err(),
        "a row cannot be pushed through the wall"
    );
    drop(as_one);

    // Every table that the migrations made is behind the wall, so that a new one is not forgotten.
    let open = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                AND relname <> '_sqlx_migrations' AND NOT (relrowsecurity AND relforcerowsecurity)";
    assert!(sqlx::query(open).fetch_all(&mut role).await.unwrap().is_empty());
    role.close().await.unwrap();
    world.end().await;
}
