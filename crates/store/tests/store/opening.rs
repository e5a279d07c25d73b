//! Opening: what is refused, and how the store says that it is well.

use std::sync::Arc;

use model::{Clock, ManualClock, OsRandom, Secret, SystemClock};
use store::{Store, StoreConfig, StoreError};

use crate::support::{World, connection, on_both_databases, tenant, tenant_and_key};

on_both_databases!(a_healthy_store_is_ready, a_foreign_schema_is_told,);

async fn open(config: &StoreConfig) -> Result<Store, StoreError> {
    Store::open(config.clone(), Arc::new(SystemClock), Arc::new(OsRandom)).await
}

fn refusal(answer: Result<Store, StoreError>) -> String {
    match answer {
        Err(StoreError::Configuration { what }) => what,
        other => panic!("must be refused: {other:?}"),
    }
}

async fn a_healthy_store_is_ready(world: &World) {
    let store = world.store().await;
    let readiness = store.readiness().await;
    assert!(readiness.is_ready(), "{readiness:?}");
    assert_eq!(readiness.redis, None);
    store.close().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    assert!(!store.readiness().await.is_ready());
}

async fn a_foreign_schema_is_told(world: &World) {
    let store = world.store().await;
    world
        .tamper("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .await;
    let readiness = store.readiness().await;
    assert!(readiness.database.is_ok());
    let told = readiness.migrations.expect_err("a migration is missing");
    assert!(
        told.starts_with("schema version ") && told.contains(", expected "),
        "{told}"
    );
    world
        .tamper("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1")
        .await;
    store.close().await;
    assert!(refusal(open(&world.config).await).contains("schema"));
}

/// Claim 17, within one process; `a_second_process_is_refused` does it with two.
#[tokio::test]
async fn a_second_store_on_the_same_files_is_refused() {
    let world = World::sqlite();
    let store = world.store().await;
    let other = World::sqlite();
    let same_data = StoreConfig {
        data_dir: world.config.data_dir.clone(),
        ..other.config.clone()
    };
    let same_file = StoreConfig {
        database_url: world.config.database_url.clone(),
        ..other.config.clone()
    };
    let link = other.dir.path().join("link.db");
    std::os::unix::fs::symlink(world.dir.path().join("store.db"), &link).unwrap();
    let linked = StoreConfig {
        database_url: Secret::new(format!("sqlite://{}", link.display())),
        ..other.config.clone()
    };
    for config in [&world.config, &same_data, &same_file, &linked] {
        let what = refusal(open(config).await);
        assert!(what.contains("another crosswalk process"), "{what}");
    }
    store.close().await;
    open(&world.config).await.expect("closing frees the files");
}

/// Not a test of its own: what `a_second_process_is_refused` runs in another process.
#[tokio::test]
#[ignore = "run by a_second_process_is_refused"]
async fn open_the_given_file() {
    if let Some(path) = crate::support::environment("CROSSWALK_TEST_SECOND_PROCESS") {
        let mut config = World::sqlite().config;
        config.database_url = Secret::new(format!("sqlite://{path}/store.db"));
        config.data_dir = Some(format!("{path}/data").into());
        match open(&config).await {
            Ok(_) => println!("opened"),
            Err(error) => println!("refused: {error}"),
        }
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let world = World::sqlite();
    let second = || {
        let path = world.dir.path().to_owned();
        async move {
            let output = tokio::process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--ignored",
                    "--exact",
                    "opening::open_the_given_file",
                    "--nocapture",
                ])
                .env("CROSSWALK_TEST_SECOND_PROCESS", path)
                .output()
                .await
                .unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
    };
    let store = world.store().await;
    let said = second().await;
    assert!(said.contains("refused: another crosswalk process"), "{said}");
    store.close().await;
    let said = second().await;
    assert!(said.contains("opened"), "{said}");
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_by_name() {
    let world = World::sqlite();
    let with_url = |url: &str| StoreConfig {
        database_url: Secret::new(url),
        ..world.config.clone()
    };
    for url in [
        "",
        "mysql://x",
        "sqlite://",
        "sqlite::memory:",
        "sqlite://a.db?mode=ro",
        "postgres://[bad",
    ] {
        assert!(
            refusal(open(&with_url(url)).await).contains("database_url"),
            "{url}"
        );
    }
    let keyless = StoreConfig {
        master_keys: Vec::new(),
        ..world.config.clone()
    };
    assert!(refusal(open(&keyless).await).contains("master_keys"));
    let short = StoreConfig {
        operator_key: Some(Secret::new("short")),
        ..world.config.clone()
    };
    assert!(refusal(open(&short).await).contains("operator_key"));
    let redis = StoreConfig {
        redis_url: Some(Secret::new("http://x")),
        ..world.config.clone()
    };
    assert!(refusal(open(&redis).await).contains("redis_url"));
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_its_password_is_not_told() {
    let world = World::sqlite();
    let away = Secret::new("postgres://user:canary-password@127.0.0.1:1/x");
    let error = open(&StoreConfig {
        database_url: away,
        ..world.config.clone()
    })
    .await
    .unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

/// Claim 7, the store's part: what is remembered goes on serving, and nothing is claimed that could not be saved.
#[tokio::test]
async fn while_postgres_is_away_memory_serves_and_no_refresh_is_claimed() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let clock = Arc::new(ManualClock::new(SystemClock.now_ms()));
    let store = world.store_with(Arc::clone(&clock) as Arc<dyn Clock>).await;
    let (tenant, key) = tenant_and_key(&store).await;
    let connection = connection(&store, &tenant).await;
    let tokens = store.tokens(&tenant, &connection.id).await.unwrap();
    world.cut_postgres(true).await;
    clock.advance_ms(60_000);
    assert!(store.authenticate(key.expose()).await.is_ok());
    assert_eq!(store.tokens(&tenant, &connection.id).await.unwrap(), tokens);
    let claim = store
        .claim_refresh(&tenant, &connection.id, 1, "test", 25_000)
        .await;
    assert!(claim.is_err_and(|error| error.is_retryable()));
    clock.advance_ms(600_001);
    assert!(
        store
            .tokens(&tenant, &connection.id)
            .await
            .is_err_and(|error| error.is_retryable())
    );
    assert!(!store.readiness().await.is_ready());
    world.cut_postgres(false).await;
    assert_eq!(store.tokens(&tenant, &connection.id).await.unwrap(), tokens);
    world.end().await;
}

/// A restart of Postgres leaves a pool full of dead connections: no request must see one.
#[tokio::test]
async fn dead_connections_are_replaced_before_anyone_notices() {
    let Some(world) = World::postgres().await else {
        return;
    };
    let store = world.store().await;
    let tenant = tenant(&store).await;
    let connection = connection(&store, &tenant).await;
    for _ in 0..3 {
        let reads = (0..10).map(|_| {
            let (store, tenant, id) = (store.clone(), tenant.clone(), connection.id.clone());
            tokio::spawn(async move { store.tokens_fresh(&tenant, &id).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap().unwrap();
        }
        world.cut_postgres(false).await;
    }
    world.end().await;
}

/// Claim 23, the store's part.
#[tokio::test]
async fn a_sealed_text_opens_for_its_own_purpose_and_owner_only() {
    let world = World::sqlite();
    let store = world.store().await;
    let sealed = store.seal("cursor", "ten_a|con_a|route", b"place");
    assert_eq!(
        store.open_sealed("cursor", "ten_a|con_a|route", &sealed).unwrap(),
        b"place"
    );
    let mut tampered = sealed.clone();
    *tampered.last_mut().unwrap() ^= 1;
    for (purpose, associated, bytes) in [
        ("cursor", "ten_b|con_a|route", &sealed),
        ("cursor", "", &sealed),
        ("state", "ten_a|con_a|route", &sealed),
        ("cursor", "ten_a|con_a|route", &tampered),
        ("cursor", "ten_a|con_a|route", &Vec::new()),
    ] {
        assert!(matches!(
            store.open_sealed(purpose, associated, bytes),
            Err(StoreError::Seal { .. })
        ));
    }
}
