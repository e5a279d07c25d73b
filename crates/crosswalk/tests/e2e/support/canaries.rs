//! Known secrets, and a search for them in everything that gateways write: logs at the finest level, metrics, the database
//! and the data directory, and each problem document. Every test with a [`World`] ends with it (claim 30).
//!
//! A secret is searched for as it is, and as it would look inside JSON, a URL, hexadecimal and base64 of either alphabet,
//! wherever in a longer text it stood.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use regex::bytes::{Regex, RegexBuilder};
use sqlx::{Connection as _, Row as _};

use super::{Backend, Database, Reply, World, process};

/// Shorter texts would be found by chance.
const SHORTEST: usize = 8;
/// Most e-mail addresses of customers that are searched for.
const PEOPLE_MAX: usize = 40;
/// Most secrets of one kind that are remembered: those of a test with thousands of connections are alike.
const COLLECTED_MAX: usize = 40;
const PATTERN_MAX_BYTES: usize = 256 << 20;
const PERSONAL: &str = "a customer's e-mail address";

/// Secrets that answers of gateways gave away on purpose: where they come up again, it is a leak.
static COLLECTED: Mutex<BTreeMap<Vec<u8>, &'static str>> = Mutex::new(BTreeMap::new());

/// What is searched for: each secret with its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canaries(BTreeMap<Vec<u8>, &'static str>);

impl Canaries {
    fn add(&mut self, name: &'static str, secret: impl Into<Vec<u8>>) {
        let secret = secret.into();
        if secret.len() >= SHORTEST {
            self.0.insert(secret, name);
        }
    }

    /// Those that every world has, and what was collected.
    pub(crate) fn common() -> Self {
        let mut canaries = Self::default();
        canaries.add("a token or code", simulator::SECRET_MARK);
        canaries.add(
            "the app's client secret",
            simulator::Options::default().client_secret,
        );
        canaries.add("the operator key", super::OPERATOR_KEY);
        canaries.add("a master key", process::MASTER_KEY);
        canaries.add(
            "a master key's bytes",
            STANDARD.decode(process::MASTER_KEY).expect("base64"),
        );
        let collected = COLLECTED.lock().unwrap_or_else(PoisonError::into_inner);
        canaries.0.extend(collected.clone());
        canaries
    }

    fn of(world: &World) -> Self {
        let mut canaries = Self::common();
        canaries.add("the operator key", world.operator_key.clone());
        for (name, value) in &world.settings {
            if *name == "KEYS_MASTER_KEYS" {
                // `[{ id = "a", key = "…" }, …]`
                for key in value.split("key = \"").skip(1) {
                    canaries.add("a master key", key.split('"').next().unwrap_or_default());
                }
            }
        }
        let org = world.simulator.org();
        let caller = simulator::org::Caller {
            user_id: org.admin_user_id(),
        };
        let soql = format!("SELECT Email FROM Contact WHERE Email <> null ORDER BY Id LIMIT {PEOPLE_MAX}");
        let people = org.query(&caller, &soql, false, "60.0").expect("a query");
        for row in people.all(org) {
            canaries.add(PERSONAL, row["Email"].as_str().unwrap_or_default());
        }
        canaries
    }

    /// Makes ready to search.
    pub(crate) fn search(&self) -> Search {
        let mut names: BTreeMap<Vec<u8>, (&'static str, &'static str)> = BTreeMap::new();
        for (secret, name) in &self.0 {
            for (spelling, text) in spellings(secret) {
                names.entry(text).or_insert((name, spelling));
            }
        }
        let alternatives: Vec<String> = names.keys().map(|text| pattern(text)).collect();
        let any = RegexBuilder::new(&format!("(?-u){}", alternatives.join("|")))
            .size_limit(PATTERN_MAX_BYTES)
            .build()
            .expect("a pattern");
        Search { names, any }
    }
}

/// All secrets in all spellings, looked for at once.
pub(crate) struct Search {
    names: BTreeMap<Vec<u8>, (&'static str, &'static str)>,
    any: Regex,
}

impl Search {
    /// What stands in `bytes`: the secret's name and the spelling it was found in.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = self
            .any
            .find_iter(bytes)
            .map(|found| {
                let (name, spelling) = self.names[found.as_bytes()];
                let before = &bytes[found.start().saturating_sub(160)..found.start()];
                format!("{name}, {spelling}, after {:?}", String::from_utf8_lossy(before))
            })
            .collect();
        found.truncate(5);
        found
    }
}

/// Matches exactly these bytes.
fn pattern(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\x{byte:02x}").expect("a text");
        text
    })
}

/// Each way in which a secret may be written down.
fn spellings(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    use std::fmt::Write as _;
    let each = |write: &dyn Fn(&mut String, u8)| {
        let mut text = String::new();
        for byte in secret {
            write(&mut text, *byte);
        }
        text.into_bytes()
    };
    let hex = |text: &mut String, byte: u8| write!(text, "{byte:02x}").expect("a text");
    let upper = |text: &mut String, byte: u8| write!(text, "{byte:02X}").expect("a text");
    let escaped = |text: &mut String, byte: u8| write!(text, "\\u{:04x}", u32::from(byte)).expect("a text");
    let percent = |text: &mut String, byte: u8| write!(text, "%{byte:02X}").expect("a text");
    let mut all = vec![
        ("as it is", secret.to_vec()),
        ("in hexadecimal", each(&hex)),
        ("in hexadecimal", each(&upper)),
        ("escaped for JSON", each(&escaped)),
        ("escaped for a URL", each(&percent)),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let form: String = url::form_urlencoded::byte_serialize(secret).collect();
        all.push(("escaped for a URL", form.to_ascii_lowercase().into_bytes()));
        all.push(("escaped for a URL", form.into_bytes()));
        let json = serde_json::to_string(text).expect("JSON");
        all.push((
            "escaped for JSON",
            json.trim_matches('"').replace('/', "\\/").into_bytes(),
        ));
        all.push(("escaped for JSON", json.trim_matches('"').into()));
    }
    for offset in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            all.push(("in base64", in_base64(secret, offset, engine)));
        }
    }
    all.retain(|(_, text)| text.len() >= SHORTEST);
    all
}

/// The letters of base64 that depend on the secret alone when `offset` bytes stand before it in its group of three.
fn in_base64(secret: &[u8], offset: usize, engine: &base64::engine::GeneralPurpose) -> Vec<u8> {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    engine.encode(&padded).as_bytes()[first..last].to_vec()
}

/// Remembers the secrets that an answer shows this once.
pub(crate) fn collect(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let mut collected = COLLECTED.lock().unwrap_or_else(PoisonError::into_inner);
    // Of an API key the beginning is public: eight characters after the prefix.
    for (name, prefix, public) in [
        ("an API key", "\"cw_live_", 9 + 8),
        ("an API key", "\"cw_test_", 9 + 8),
        ("a link's token", "/cw_link_", 9),
        ("a webhook's secret", "\"whsec_", 7),
    ] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + 1..];
            let end = rest
                .find(|letter: char| !(letter.is_ascii_alphanumeric() || "_+/=-".contains(letter)))
                .unwrap_or(rest.len());
            // What has no more than a public part is a list's `prefix`.
            if let Some(secret) = rest[..end].get(public - 1..).filter(|rest| rest.len() >= 20) {
                let of_kind = collected.values().filter(|own| **own == name).count();
                if of_kind < COLLECTED_MAX {
                    collected.insert(secret.into(), name);
                }
            }
        }
    }
}

/// The search for what every world has: made ready again only when more was collected.
fn common_search() -> Arc<Search> {
    static READY: Mutex<Option<(usize, Arc<Search>)>> = Mutex::new(None);
    let canaries = Canaries::common();
    let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
    match &*ready {
        Some((count, search)) if *count == canaries.0.len() => Arc::clone(search),
        _ => {
            let search = Arc::new(canaries.search());
            *ready = Some((canaries.0.len(), Arc::clone(&search)));
            search
        }
    }
}

/// Problem documents tell no secret. What they tell of a customer's record is the provider's own word, passed on.
pub(crate) fn check_problem(path: &str, reply: &Reply) {
    if reply.header("content-type") != Some("application/problem+json") {
        return;
    }
    let found = common_search().found_in(&reply.body);
    assert!(
        found.is_empty(),
        "a problem of {path} tells {found:#?}: {reply:?}"
    );
}

/// Every file below a folder, with what it holds.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder)
        .expect("a folder")
        .filter_map(Result::ok)
    {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// Metrics of a gateway that still runs.
fn metrics(url: &str) -> Option<Vec<u8>> {
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let patience = Some(Duration::from_secs(5));
    stream.set_read_timeout(patience).ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn parse(text: &str) -> url::Url {
    url::Url::parse(text).expect("a URL")
}

/// Every row of every table as text; bytes are written in hexadecimal.
async fn rows(database: &Database) -> Vec<(String, Vec<u8>)> {
    // Asked directly: what a test put between the gateways and their database may be gone.
    let admin = super::postgres_url().expect("CROSSWALK_TEST_POSTGRES_URL");
    let (mut url, admin) = (parse(&database.url), parse(&admin));
    url.set_host(admin.host_str()).expect("a host");
    url.set_port(admin.port()).expect("a port");
    let connected = sqlx::PgConnection::connect(url.as_str()).await;
    let mut connection = connected.expect("Postgres");
    let wall = sqlx::query("SELECT set_config('app.tenant_id', '*operator*', false)");
    wall.execute(&mut connection).await.expect("a setting");
    let names = sqlx::query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    let names = names.fetch_all(&mut connection).await.expect("tables");
    let mut dumps = Vec::new();
    for name in names {
        let name: String = name.get(0);
        let all = format!("SELECT t::text FROM \"{name}\" t");
        let all = sqlx::query(sqlx::AssertSqlSafe(all));
        let mut dump = String::new();
        for row in all.fetch_all(&mut connection).await.expect("rows") {
            dump.push_str(&row.get::<String, _>(0));
            dump.push('\n');
        }
        dumps.push((format!("table {name}"), dump.into_bytes()));
    }
    dumps
}

/// Everything that the gateways of a world wrote.
fn written(world: &mut World) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for gateway in &mut world.gateways {
        all.extend(metrics(&gateway.url).map(|text| (format!("metrics of {}", gateway.url), text)));
        // Ended first: what it still writes is read, and an SQLite file is whole.
        let _ = gateway.process.kill();
        let _ = gateway.process.wait();
    }
    files(world.directory.path(), &mut all);
    if world.database.backend == Backend::Postgres {
        let database = world.database.clone();
        // A runtime of its own: this is called where a runtime is already running.
        let dumps = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(rows(&database))
        });
        all.extend(dumps.join().expect("a dump"));
    }
    all
}

/// Fails with every place in which a secret was found.
pub(crate) fn search(world: &mut World) {
    let canaries = Canaries::of(world).search();
    let mut leaks = Vec::new();
    for (place, bytes) in written(world) {
        for found in canaries.found_in(&bytes) {
            leaks.push(format!("{place}: {found}"));
        }
    }
    assert!(
        leaks.is_empty(),
        "secrets were written:\n  {}",
        leaks.join("\n  ")
    );
}

/// Every spelling of each secret, for planting them.
pub(crate) fn plants(canaries: &Canaries) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut plants = Vec::new();
    for (secret, name) in &canaries.0 {
        for (spelling, text) in spellings(secret) {
            plants.push((*name, spelling, text));
        }
    }
    plants
}
