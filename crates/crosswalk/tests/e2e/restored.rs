//! A backup of the database is restored, and refresh tokens that were rotated since come back with it. The oracle is the
//! simulator: a refresh token presented twice revokes its whole family, and it counts those.

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::{Backend, Caller, Plan, World, both, client};

both!(a_restored_backup_presents_no_dead_token);

/// Keeps a copy of the database, which nobody may be using.
async fn back_up(world: &World) {
    match world.database.backend {
        Backend::Sqlite => {
            let copied = std::fs::copy(database_file(world), backup_file(world));
            copied.expect("a copy");
        }
        Backend::Postgres => {
            let (name, backup) = (database_name(world), format!("{}_backup", database_name(world)));
            run_on_postgres(format!(
                "CREATE DATABASE {backup} TEMPLATE {name} OWNER {name}_app"
            ))
            .await;
        }
    }
}

/// Puts the copy in the place of the database, which nobody may be using.
async fn restore(world: &World) {
    match world.database.backend {
        Backend::Sqlite => {
            let file = database_file(world);
            for beside in ["-wal", "-shm"] {
                let mut path = file.clone().into_os_string();
                path.push(beside);
                // A database that was closed well has none.
                std::fs::remove_file(path).ok();
            }
            std::fs::copy(backup_file(world), file).expect("a copy");
        }
        Backend::Postgres => {
            let name = database_name(world);
            run_on_postgres(format!("DROP DATABASE {name} WITH (FORCE)")).await;
            run_on_postgres(format!("ALTER DATABASE {name}_backup RENAME TO {name}")).await;
        }
    }
}

fn database_file(world: &World) -> PathBuf {
    world.directory.path().join("crosswalk.db")
}

fn backup_file(world: &World) -> PathBuf {
    world.directory.path().join("backup.db")
}

fn database_name(world: &World) -> String {
    let url = url::Url::parse(&world.database.url).expect("a URL");
    url.path().trim_start_matches('/').to_owned()
}

async fn run_on_postgres(sql: String) {
    let admin = crate::support::postgres_url().expect("Postgres");
    let mut connection = sqlx::PgConnection::connect(&admin).await.expect("Postgres");
    let ran = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    ran.expect("a statement");
}

async fn stop(world: &mut World) {
    for gateway in std::mem::take(&mut world.gateways) {
        crate::keyring::stop(gateway).await;
    }
}

/// Ends every session at the provider; the next call needs a refresh.
async fn refresh(world: &World, headers: &[(&str, String)]) -> u16 {
    world.tell_simulator("kill_sessions", json!({})).await;
    let reply = world
        .client
        .get(&world.url("/unified/crm/contacts?limit=1"), headers)
        .await;
    reply.status
}

async fn connection(world: &World, headers: &[(&str, String)], id: &str) -> Value {
    let reply = world
        .client
        .get(&world.url(&format!("/connections/{id}")), headers)
        .await;
    reply.json()
}

async fn counter(world: &World, pointer: &str) -> u64 {
    let counters = world.ask_simulator("counters").await;
    counters
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

async fn a_restored_backup_presents_no_dead_token(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.rotation = true;
    if backend == Backend::Postgres && plan.redis_url.is_none() {
        return eprintln!("skipped: set CROSSWALK_TEST_REDIS_URL, as ./test does");
    }
    let mut world = World::build(plan).await;
    let caller = world.connected().await;
    let (headers, id, bearer) = (
        caller.headers(),
        caller.connection_id.clone(),
        caller.tenant.bearer(),
    );
    drop::<Caller<'_>>(caller);
    assert_eq!(refresh(&world, &headers).await, 200);
    stop(&mut world).await;
    back_up(&world).await;
    world.add_gateway().await;
    assert_eq!(refresh(&world, &headers).await, 200);
    assert_eq!(refresh(&world, &headers).await, 200);
    stop(&mut world).await;
    restore(&world).await;

    world.add_gateway().await;
    let mut told = Value::Null;
    for _ in 0..250 {
        told = connection(&world, &bearer, &id).await;
        if told["state"] != "active" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        (&told["state"], &told["state_reason"]),
        (&json!("degraded"), &json!("restored_backup")),
        "{told}"
    );
    let posts = counter(&world, "/token_posts/refresh_token").await;
    assert_eq!(refresh(&world, &headers).await, 409);
    let told = connection(&world, &bearer, &id).await;
    assert_eq!(
        (&told["state"], &told["state_reason"]),
        (&json!("needs_reauth"), &json!("restored_backup")),
        "{told}"
    );
    assert_eq!(refresh(&world, &headers).await, 409);
    assert_eq!(counter(&world, "/token_posts/refresh_token").await, posts);
    assert_eq!(counter(&world, "/family_revocations").await, 0);

    // The customer connects again, and all is as before.
    let session =
        json!({ "provider": simulator::PROVIDER, "environment": "production", "connection_id": id });
    let session = world
        .client
        .post(&world.url("/connect/sessions"), &bearer, &session)
        .await;
    let link = session.json()["url"].as_str().expect("a link").to_owned();
    client::Browser::new(&world.client).walk(&link).await;
    assert_eq!(connection(&world, &bearer, &id).await["state"], "active");
    assert_eq!(refresh(&world, &headers).await, 200);
    assert_eq!(refresh(&world, &headers).await, 200);
    assert_eq!(counter(&world, "/family_revocations").await, 0);
}
