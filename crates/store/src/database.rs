//! Two pools behind one set of queries.
//!
//! Each query is written once, with `$1` placeholders. The two databases agree on everything used here but the clock,
//! which a query writes as `{now_ms}`: ms since 1970 on the database's own clock, the only one that all nodes share.

use std::path::Path;
use std::time::Duration;

use model::TenantId;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Postgres, Row as _, Sqlite};

use crate::{StoreError, migrations};

const POSTGRES_NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
const SQLITE_NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";
/// Limits of one Postgres session: nothing of ours is slow, so what is slow is stuck.
const POSTGRES_SESSION: &str =
    "SET statement_timeout = 5000; SET lock_timeout = 2000; SET idle_in_transaction_session_timeout = 10000";
/// Longest wait for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the first connection of all.
const MIGRATION_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an SQLite statement waits for the file's lock.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One argument of a query; its kind is known also when it is null, which Postgres needs.
#[derive(Clone)]
pub(crate) enum Argument {
    Text(Option<String>),
    Integer(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}
impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}
impl From<Option<&str>> for Argument {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}
impl From<Option<String>> for Argument {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}
impl From<Option<i64>> for Argument {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}
impl From<Vec<u8>> for Argument {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}
impl From<Option<Vec<u8>>> for Argument {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes)
    }
}
impl From<[u8; 32]> for Argument {
    fn from(bytes: [u8; 32]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

/// `arguments![a, b]`: each anything that an [`Argument`] can be made from.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { vec![$($crate::database::Argument::from($argument)),*] };
}
pub(crate) use arguments;

/// Whose rows a statement may see: on Postgres the second wall behind the `tenant_id` in each query.
#[derive(Clone)]
pub(crate) enum Scope {
    Tenant(TenantId),
    /// The operator, and paths that know no tenant yet: a key, a link token or a state being looked up.
    Operator,
}

/// A failed statement, told apart where a caller of this module acts on it.
#[derive(Debug)]
pub(crate) enum DatabaseError {
    /// A unique constraint stands in the way.
    Duplicate,
    /// A row that is referred to does not exist.
    Missing,
    Other(StoreError),
}

impl From<StoreError> for DatabaseError {
    fn from(error: StoreError) -> Self {
        Self::Other(error)
    }
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Duplicate => Self::conflict("a row with the same key exists"),
            DatabaseError::Missing => Self::NotFound,
            DatabaseError::Other(error) => error,
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => Self::Duplicate,
            sqlx::Error::Database(inner) if inner.is_foreign_key_violation() => Self::Missing,
            _ => Self::Other(StoreError::unavailable("database", reason(&error))),
        }
    }
}

/// Why a statement failed, without the database's own words: those may quote values.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(inner) => {
            format!("error code {}", inner.code().as_deref().unwrap_or("unknown"))
        }
        sqlx::Error::Io(inner) => format!("connection failed: {}", inner.kind()),
        sqlx::Error::PoolTimedOut => format!("no connection within {} ms", ACQUIRE_TIMEOUT.as_millis()),
        sqlx::Error::PoolClosed => "the store is closed".to_owned(),
        sqlx::Error::Tls(_) => "TLS failed".to_owned(),
        sqlx::Error::Configuration(_) => "the connection's settings are not valid".to_owned(),
        sqlx::Error::Protocol(_) => "the connection spoke out of turn".to_owned(),
        _ => "the statement failed".to_owned(),
    }
}

/// Whether the connection died before the statement was run, so that another connection may be tried.
fn is_dead_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(inner) => inner.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// One row, read by column name.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

macro_rules! column {
    ($name:ident, $kind:ty) => {
        pub(crate) fn $name(&self, column: &'static str) -> Result<$kind, StoreError> {
            let read = match self {
                Self::Postgres(row) => row.try_get(column),
                Self::Sqlite(row) => row.try_get(column),
            };
            read.map_err(|_| StoreError::Corrupt { what: column })
        }
    };
}

impl Row {
    column!(text, String);
    column!(optional_text, Option<String>);
    column!(integer, i64);
    column!(optional_integer, Option<i64>);
    column!(bytes, Vec<u8>);
    column!(optional_bytes, Option<Vec<u8>>);
}

/// The database.
#[derive(Clone)]
pub(crate) enum Database {
    Postgres(PgPool),
    Sqlite {
        /// One connection: SQLite has one writer, and waiting in the pool is fairer than `SQLITE_BUSY`.
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

/// Statements that happen together or not at all. Dropped without commit, nothing happened.
pub(crate) enum Transaction {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

macro_rules! run {
    ($executor:expr, $sql:expr, $now:expr, $arguments:expr, $row:path) => {{
        metrics::counter!("crosswalk_sql_statements_total").increment(1);
        let mut query = sqlx::query(AssertSqlSafe($sql.replace("{now_ms}", $now)));
        for argument in $arguments {
            query = match argument {
                Argument::Text(text) => query.bind(text),
                Argument::Integer(number) => query.bind(number),
                Argument::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
            .fetch_all($executor)
            .await
            .map(|rows| rows.into_iter().map($row).collect::<Vec<_>>())
    }};
}

/// Postgres cannot store a NUL in text; neither database shall.
fn check(arguments: &[Argument]) -> Result<(), StoreError> {
    let has_nul = |argument: &Argument| matches!(argument, Argument::Text(Some(text)) if text.contains('\0'));
    if arguments.iter().any(has_nul) {
        return Err(StoreError::invalid("a text holds a NUL character"));
    }
    Ok(())
}

impl Transaction {
    /// Runs one statement and answers its rows.
    pub(crate) async fn run(
        &mut self,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, DatabaseError> {
        check(&arguments)?;
        let rows = match self {
            Self::Postgres(transaction) => {
                run!(&mut **transaction, sql, POSTGRES_NOW, arguments, Row::Postgres)
            }
            Self::Sqlite(transaction) => run!(&mut **transaction, sql, SQLITE_NOW, arguments, Row::Sqlite),
        };
        Ok(rows?)
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await?,
            Self::Sqlite(transaction) => transaction.commit().await?,
        }
        Ok(())
    }
}

impl Database {
    /// Connects to Postgres and migrates it.
    pub(crate) async fn postgres(url: &str, pool_max: u32) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(|_| {
            StoreError::configuration(
                "database_url is not valid: expected postgres://user:password@host/database",
            )
        })?;
        let options = options.application_name("crosswalk").disable_statement_logging();
        let unavailable = |error: sqlx::Error| StoreError::unavailable("database", reason(&error));
        let connecting = tokio::time::timeout(MIGRATION_CONNECT_TIMEOUT, options.connect());
        let connection = connecting
            .await
            .map_err(|_| StoreError::unavailable("database", "no connection in time"))?
            .map_err(unavailable)?;
        migrations::migrate_postgres(connection).await?;
        let pool = PgPoolOptions::new()
            .max_connections(pool_max.max(1))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A dead connection is found when its transaction begins, which is tried again on another one.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(POSTGRES_SESSION).await.map(|_| ()) })
            })
            .connect_with(options)
            .await
            .map_err(unavailable)?;
        let database = Self::Postgres(pool);
        database.warn_if_walls_are_off().await?;
        Ok(database)
    }

    /// Row-level policies do not bind a superuser: the tenants are then parted by the queries alone.
    async fn warn_if_walls_are_off(&self) -> Result<(), StoreError> {
        let sql = "SELECT CASE WHEN rolsuper OR rolbypassrls THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END \
                   AS bypass FROM pg_roles WHERE rolname = current_user";
        let rows = self.read(&Scope::Operator, sql, Vec::new()).await?;
        if rows.first().map_or(Ok(0), |row| row.integer("bypass"))? == 1 {
            tracing::warn!(
                "the database role is a superuser or bypasses row-level security: give the gateway a role of its own"
            );
        }
        Ok(())
    }

    /// Opens an SQLite file and migrates it. The caller has made sure that no other process has it open.
    pub(crate) async fn sqlite(file: &Path, pool_max: u32) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: a rotated refresh token must outlive a power cut the moment the commit returns.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(SQLITE_BUSY_TIMEOUT)
            .disable_statement_logging();
        let unavailable = |error: sqlx::Error| StoreError::unavailable("database", reason(&error));
        let pool = |max: u32| {
            PoolOptions::<Sqlite>::new()
                .max_connections(max)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .max_lifetime(None)
                .idle_timeout(None)
        };
        let writer = pool(1)
            .connect_with(options.clone().create_if_missing(true))
            .await
            .map_err(unavailable)?;
        migrations::migrate_sqlite(&writer).await?;
        let readers = pool(pool_max.clamp(1, 8))
            .connect_with(options.read_only(true))
            .await
            .map_err(unavailable)?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Whether other processes may change the rows.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    async fn begin_postgres(pool: &PgPool, scope: &Scope) -> Result<Transaction, DatabaseError> {
        // One round trip. A tenant's id is letters, digits and `_` by its type, so it cannot leave the quotes.
        let tenant = match scope {
            Scope::Tenant(tenant) => tenant.as_str(),
            Scope::Operator => "*operator*",
        };
        let statement = format!("BEGIN; SET LOCAL app.tenant_id = '{tenant}'");
        let mut attempts_left = pool.options().get_max_connections();
        loop {
            match pool.begin_with(AssertSqlSafe(statement.clone())).await {
                Ok(transaction) => return Ok(Transaction::Postgres(transaction)),
                Err(error) if attempts_left > 0 && is_dead_connection(&error) => attempts_left -= 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self, scope: &Scope) -> Result<Transaction, DatabaseError> {
        match self {
            Self::Postgres(pool) => Self::begin_postgres(pool, scope).await,
            Self::Sqlite { writer, .. } => Ok(Transaction::Sqlite(
                writer
                    .begin_with(AssertSqlSafe("BEGIN IMMEDIATE".to_owned()))
                    .await?,
            )),
        }
    }

    /// Runs one statement that only reads.
    pub(crate) async fn read(
        &self,
        scope: &Scope,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, DatabaseError> {
        match self {
            Self::Postgres(pool) => {
                let mut transaction = Self::begin_postgres(pool, scope).await?;
                let rows = transaction.run(sql, arguments).await?;
                transaction.commit().await?;
                Ok(rows)
            }
            Self::Sqlite { readers, .. } => {
                check(&arguments)?;
                Ok(run!(readers, sql, SQLITE_NOW, arguments, Row::Sqlite)?)
            }
        }
    }

    /// Runs one statement that writes, as a transaction of its own.
    pub(crate) async fn write(
        &self,
        scope: &Scope,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, DatabaseError> {
        let mut transaction = self.begin(scope).await?;
        let rows = transaction.run(sql, arguments).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Waits for statements under way, then closes.
    pub(crate) async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}
