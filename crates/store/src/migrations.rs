//! The schema, embedded. Each name is one file in both folders, which the compiler holds.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, PgConnection, SqlStr};

use crate::StoreError;
use crate::database::{Database, Scope};

struct Named {
    version: i64,
    name: &'static str,
    postgres: &'static str,
    sqlite: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$(Named {
            version: $version,
            name: $name,
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
        }),+]
    };
}

/// In order. A released migration is never edited: its checksum is in every database.
const MIGRATIONS: &[Named] = migrations![
    1 "0001_tenants",
    2 "0002_connections",
    3 "0003_connect_sessions",
    4 "0004_mapping_overrides",
    5 "0005_idempotency_keys",
    6 "0006_mapping_sessions",
    7 "0007_events",
    8 "0008_environment_choice",
    9 "0009_webhooks",
    10 "0010_tenant_keys",
    11 "0011_connection_flows",
    12 "0012_token_lifetimes",
    13 "0013_audit",
];

fn migrator(text: fn(&Named) -> &'static str) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|named| {
        let sql = SqlStr::from_static(text(named));
        Migration::new(
            named.version,
            named.name.into(),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// The statements of each migration, on Postgres and on SQLite.
#[cfg(test)]
pub(crate) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    MIGRATIONS.iter().map(|named| (named.postgres, named.sqlite))
}

fn failed(error: &sqlx::migrate::MigrateError) -> StoreError {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::unavailable(
            "database",
            format!("migrating: {}", crate::database::reason(error)),
        ),
        // The remaining ones speak of versions only, never of rows.
        other => StoreError::configuration(format!(
            "the database's schema does not fit this program: {other}"
        )),
    }
}

/// Brings a Postgres database up to date. Its own connection: migrating may take longer than a query may, and other
/// nodes that start at the same moment wait on the migrator's lock.
pub(crate) async fn migrate_postgres(mut connection: PgConnection) -> Result<(), StoreError> {
    migrator(|named| named.postgres)
        .run(&mut connection)
        .await
        .map_err(|error| failed(&error))?;
    connection
        .close()
        .await
        .map_err(|error| StoreError::unavailable("database", crate::database::reason(&error)))
}

/// Brings an SQLite database up to date.
pub(crate) async fn migrate_sqlite(pool: &sqlx::SqlitePool) -> Result<(), StoreError> {
    migrator(|named| named.sqlite)
        .run(pool)
        .await
        .map_err(|error| failed(&error))
}

/// Why the schema is not known to fit.
pub(crate) enum Unfit {
    /// The database does not answer.
    Unreachable(String),
    /// It has another version.
    Version(String),
}

/// Whether the database has exactly this program's schema.
pub(crate) async fn check(database: &Database) -> Result<(), Unfit> {
    let sql = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) AS version FROM _sqlx_migrations";
    let expected = MIGRATIONS.last().map_or(0, |named| named.version);
    let rows = database.read(&Scope::Operator, sql, Vec::new()).await;
    let rows = rows.map_err(|error| Unfit::Unreachable(StoreError::from(error).to_string()))?;
    let found = rows.first().map_or(Ok(0), |row| row.integer("version"));
    let found = found.map_err(|error| Unfit::Version(error.to_string()))?;
    if found == expected {
        return Ok(());
    }
    Err(Unfit::Version(format!(
        "schema version {found}, expected {expected}"
    )))
}
