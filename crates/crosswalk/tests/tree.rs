//! The shape of the tree, held by tests: who may depend on whom, who alone may use a heavy crate, what must come
//! in pairs, and what may not be said where. `ARCHITECTURE.md` explains the shape; change both in one commit.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, outside #[test] functions: a broken tree must stop the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which workspace crates each crate may depend on. Calls go down only.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    (
        "crosswalk",
        &[
            "gateway",
            "unified",
            "mapping",
            "provider",
            "store",
            "model",
            "simulator",
        ],
    ),
    ("gateway", &["unified", "provider", "mapping", "store", "model"]),
    ("unified", &["mapping", "soql", "provider", "store", "model"]),
    ("provider", &["mapping", "store", "model"]),
    ("mapping", &["model"]),
    ("soql", &[]),
    ("store", &["model"]),
    ("model", &[]),
    ("simulator", &[]),
    ("bench", &["mapping", "model"]),
];

/// External crates that only the named members may depend on. A heavy or dangerous dependency stays behind one
/// wall, so that replacing or auditing it means reading one crate.
const OWNERS: &[(&str, &[&str])] = &[
    ("axum", &["gateway", "simulator", "bench"]),
    ("clap", &["crosswalk"]),
    ("csv", &["unified"]),
    ("hyper-rustls", &["provider", "crosswalk"]),
    ("jlens-core", &["mapping"]),
    ("metrics-exporter-prometheus", &["crosswalk"]),
    ("oauth2", &["provider"]),
    ("opentelemetry-otlp", &["crosswalk"]),
    ("redis", &["store"]),
    ("reqwest", &["provider"]),
    ("rustls", &["provider"]),
    ("serde-saphyr", &["mapping"]),
    ("sqlx", &["store"]),
    ("tower-http", &["gateway"]),
    ("tracing-subscriber", &["crosswalk"]),
];

/// Paths of HTTP clients inside crates that are also servers: only the crate with the one egress function, the load
/// generator, and the client of those commands that ask a gateway may name them outside their tests.
const HTTP_CLIENT_PATHS: &[&str] = &["hyper_util::client", "hyper::client"];
const HTTP_CLIENT_OWNERS: &[&str] = &[
    "crates/provider/",
    "bench/",
    "crates/crosswalk/src/client/http.rs",
];

/// Words that give a provider away and are not the name of its folder.
const PROVIDER_WORDS: &[&str] = &["salesforce", "sforce", "force.com", "hubspot", "hubapi"];

/// Folders of `mappings/` that are not providers.
const NOT_PROVIDERS: &[&str] = &["unified", "schema"];

/// Files past this many lines are listed by the test, for a reviewer to ask for a split.
const REVIEWED_LINES: usize = 500;
/// Files past this many lines fail the test, unless [`LONG_FILES`] names them.
const LINES_MAX: usize = 800;
/// Files allowed past [`LINES_MAX`], each with the reason why splitting it would make it worse.
const LONG_FILES: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/crosswalk lies two below")
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listed
        .map(|entry| entry.expect("a readable folder entry").path())
        .collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .expect("an entry has a name")
        .to_string_lossy()
        .into_owned()
}

fn folders(folder: &Path) -> Vec<String> {
    entries(folder)
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| name_of(path))
        .collect()
}

/// One package of the workspace: its folder relative to the root, and its manifest.
struct Member {
    folder: String,
    manifest: toml::Table,
}

impl Member {
    fn name(&self) -> &str {
        self.manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
            .expect("a package has a name")
    }

    /// `(dependency, its table, is it for tests only)`, over every table a manifest can list dependencies in.
    fn dependencies(&self) -> Vec<(String, toml::Value, bool)> {
        let mut tables = vec![&self.manifest];
        if let Some(targets) = self.manifest.get("target").and_then(toml::Value::as_table) {
            tables.extend(targets.values().filter_map(toml::Value::as_table));
        }
        let mut found = Vec::new();
        for table in tables {
            for (key, for_tests) in [
                ("dependencies", false),
                ("build-dependencies", false),
                ("dev-dependencies", true),
            ] {
                let Some(listed) = table.get(key).and_then(toml::Value::as_table) else {
                    continue;
                };
                for (name, value) in listed {
                    found.push((name.clone(), value.clone(), for_tests));
                }
            }
        }
        found
    }
}

fn members() -> Vec<Member> {
    let root = root();
    let mut members: Vec<Member> = folders(&root.join("crates"))
        .into_iter()
        .map(|folder| format!("crates/{folder}"))
        .chain([String::from("bench")])
        .map(|folder| {
            let manifest = read(&root.join(&folder).join("Cargo.toml"))
                .parse()
                .expect("a manifest is TOML");
            Member { folder, manifest }
        })
        .collect();
    members.sort_by(|a, b| a.folder.cmp(&b.folder));
    members
}

/// Every file a commit could hold, as `(path from the root with '/', path)`: what `.gitignore` names is left out.
fn tracked_files() -> Vec<(String, PathBuf)> {
    let root = root();
    let ignored: BTreeSet<String> = read(&root.join(".gitignore"))
        .lines()
        .map(|line| line.trim().trim_matches('/').to_owned())
        .chain([String::from(".git")])
        .filter(|name| !name.is_empty())
        .collect();
    let mut waiting = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        for path in entries(&folder) {
            if ignored.contains(&name_of(&path)) || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                let shown = path
                    .strip_prefix(&root)
                    .expect("below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                files.push((shown, path));
            }
        }
    }
    files.sort();
    files
}

/// The text files of the tree: what is not UTF-8 (pictures, archives) has no lines to judge.
fn tracked_texts() -> Vec<(String, String)> {
    tracked_files()
        .into_iter()
        .filter_map(|(shown, path)| {
            String::from_utf8(fs::read(path).ok()?)
                .ok()
                .map(|text| (shown, text))
        })
        .collect()
}

fn is_code(path: &str) -> bool {
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    matches!(extension, Some("rs" | "mjs" | "js" | "py" | "sh"))
        || matches!(path, "test" | ".ci/run" | "bench/run")
}

/// Fails with every offence at once: one run tells the whole repair.
fn assert_none(offences: &[String], remedy: &str) {
    assert!(offences.is_empty(), "\n  {}\n{remedy}\n", offences.join("\n  "));
}

#[test]
fn crates_are_those_of_the_plan() {
    let found: BTreeSet<String> = members().iter().map(|member| member.name().to_owned()).collect();
    let planned: BTreeSet<String> = MAY_DEPEND_ON.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        found, planned,
        "a crate was added, removed or renamed: change ARCHITECTURE.md and MAY_DEPEND_ON in this file with it, and \
         say what the compiler must hold there that a module would not"
    );
}

#[test]
fn a_crate_is_named_as_its_folder() {
    let offences: Vec<String> = members()
        .iter()
        .filter(|member| member.folder.rsplit('/').next() != Some(member.name()))
        .map(|member| format!("{} holds package `{}`", member.folder, member.name()))
        .collect();
    assert_none(
        &offences,
        "rename the package or the folder: the tree is the diagram.",
    );
}

#[test]
fn internal_dependencies_go_down_only() {
    let members = members();
    let names: BTreeSet<&str> = members.iter().map(Member::name).collect();
    let allowed: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    let mut offences = Vec::new();
    for member in &members {
        let may = allowed.get(member.name()).copied().unwrap_or_default();
        for (dependency, _, for_tests) in member.dependencies() {
            // Tests of any crate but the simulator itself may be driven against the simulator.
            let simulated = for_tests && dependency == "simulator" && member.name() != "simulator";
            if names.contains(dependency.as_str()) && !may.contains(&dependency.as_str()) && !simulated {
                offences.push(format!(
                    "{} depends on {dependency}; it may depend on {may:?}",
                    member.name()
                ));
            }
        }
    }
    assert_none(
        &offences,
        "move the code down, or pass what is needed in; see ARCHITECTURE.md for the layers.",
    );
}

#[test]
fn heavy_dependencies_have_one_owner() {
    let owners: BTreeMap<&str, &[&str]> = OWNERS.iter().copied().collect();
    let mut offences = Vec::new();
    for member in members() {
        for (dependency, _, for_tests) in member.dependencies() {
            // These tests break things from outside, in the database too.
            if for_tests && matches!(member.name(), "crosswalk" | "provider") {
                continue;
            }
            let Some(may) = owners.get(dependency.as_str()) else {
                continue;
            };
            if !may.contains(&member.name()) {
                offences.push(format!(
                    "{} depends on {dependency}, which only {may:?} may use",
                    member.name()
                ));
            }
        }
    }
    assert_none(
        &offences,
        "ask the owning crate for what you need through its own types.",
    );
}

#[test]
fn only_the_owner_calls_out() {
    let mut offences = Vec::new();
    for (path, text) in tracked_texts() {
        let is_owner = HTTP_CLIENT_OWNERS.iter().any(|owner| path.starts_with(owner));
        let in_source = path.contains("/src/") && !path.ends_with("/tests.rs") && !path.contains("/tests/");
        if !in_source || is_owner {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if HTTP_CLIENT_PATHS.iter().any(|client| line.contains(client)) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(
        &offences,
        "every outbound byte goes through the egress function of crates/provider.",
    );
}

#[test]
fn versions_stand_in_one_table() {
    let mut offences = Vec::new();
    for member in members() {
        for (dependency, value, _) in member.dependencies() {
            if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                offences.push(format!("{}: {dependency} = {value}", member.folder));
            }
        }
    }
    assert_none(
        &offences,
        "write `name.workspace = true`, with the version in the root Cargo.toml's [workspace.dependencies].",
    );
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let offences: Vec<String> = members()
        .iter()
        .filter(|member| {
            member
                .manifest
                .get("lints")
                .and_then(|lints| lints.get("workspace"))
                .and_then(toml::Value::as_bool)
                != Some(true)
        })
        .map(|member| member.folder.clone())
        .collect();
    assert_none(
        &offences,
        "add `[lints]` with `workspace = true` to each manifest named above.",
    );
}

#[test]
fn migrations_come_in_pairs() {
    let names = |folder: &str| -> BTreeSet<String> {
        entries(&root().join("migrations").join(folder))
            .iter()
            .map(|path| name_of(path))
            .collect()
    };
    let (postgres, sqlite) = (names("postgres"), names("sqlite"));
    assert!(
        !postgres.is_empty(),
        "migrations/postgres is empty: the store cannot create its tables"
    );
    assert_eq!(
        postgres, sqlite,
        "each migration needs a file of the same name in migrations/postgres and migrations/sqlite"
    );
    for (expected, name) in (1..).zip(&postgres) {
        let well_named = name.split_once('_').is_some_and(|(number, rest)| {
            number.len() == 4
                && number.parse() == Ok(expected)
                && Path::new(rest)
                    .extension()
                    .is_some_and(|extension| extension == "sql")
        });
        assert!(
            well_named,
            "migrations/*/{name}: the next name is {expected:04}_what_it_does.sql, without gaps"
        );
    }
}

#[test]
fn no_source_names_a_provider() {
    let mut words: BTreeSet<String> = PROVIDER_WORDS.iter().map(|word| (*word).to_owned()).collect();
    let providers = folders(&root().join("mappings"));
    words.extend(
        providers
            .into_iter()
            .filter(|name| !NOT_PROVIDERS.contains(&name.as_str())),
    );
    let mut offences = Vec::new();
    for (path, text) in tracked_texts() {
        let is_source =
            path.starts_with("crates/") && Path::new(&path).extension().is_some_and(|end| end == "rs");
        // The tests of `mapping` hold the documents that ship to what they promise: those have names.
        let tests_documents =
            path.starts_with("crates/mapping/") && (path.ends_with("/tests.rs") || path.contains("/tests/"));
        let may_name = path.starts_with("crates/simulator/")
            || path.starts_with("crates/crosswalk/tests/")
            || tests_documents;
        if !is_source || may_name {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            if let Some(word) = words.iter().find(|word| lower.contains(*word)) {
                offences.push(format!("{path}:{}: `{word}` in: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(
        &offences,
        "providers are data: move what is particular to one into mappings/<provider>/*.yaml, as a named capability \
         that any provider may use if need be; in comments and tests say what the rule is, or use `acme`.",
    );
}

#[test]
fn files_stay_short_enough_to_review() {
    let allowed: BTreeMap<&str, &str> = LONG_FILES.iter().copied().collect();
    let mut reviewed = String::new();
    let mut offences = Vec::new();
    let mut needed = BTreeSet::new();
    for (path, text) in tracked_texts().into_iter().filter(|(path, _)| is_code(path)) {
        let lines = text.lines().count();
        if lines > LINES_MAX && allowed.contains_key(path.as_str()) {
            needed.insert(path);
        } else if lines > LINES_MAX {
            offences.push(format!("{path}: {lines} lines"));
        } else if lines > REVIEWED_LINES {
            writeln!(reviewed, "  {path}: {lines} lines").expect("a string takes every write");
        }
    }
    if !reviewed.is_empty() {
        eprintln!("past {REVIEWED_LINES} lines, to be split when next touched:\n{reviewed}");
    }
    offences.extend(
        allowed
            .keys()
            .filter(|path| !needed.contains(**path))
            .map(|path| format!("{path}: short now, unlist it")),
    );
    assert_none(
        &offences,
        "split by idea (tests into their own file first), or name the file in LONG_FILES with the reason why not.",
    );
}

#[test]
fn the_tree_stands_alone() {
    // Written in two parts: this file is searched too.
    let shared = concat!("..", "/shared");
    let machine_paths = [
        concat!("/work", "/main"),
        concat!("/work", "/shared"),
        concat!("/farm", "/in"),
    ];
    let mut offences = Vec::new();
    for (path, text) in tracked_texts() {
        for (number, line) in text.lines().enumerate() {
            let says_shared = line.contains(shared) && path != ".ci/run";
            if says_shared || machine_paths.iter().any(|machine| line.contains(machine)) {
                offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert_none(
        &offences,
        "a clone must build and pass anywhere: copy what is needed into the tree, or take its place from the \
         environment, as JSONATA_TEST_SUITE does.",
    );
}

#[test]
fn what_is_left_undone_names_its_issue() {
    let mut offences = Vec::new();
    for (path, text) in tracked_texts().into_iter().filter(|(path, _)| is_code(path)) {
        for (number, line) in text.lines().enumerate() {
            // Written in two parts: this file is searched too.
            for marker in [concat!("TO", "DO"), concat!("FIX", "ME")] {
                let bare = line.match_indices(marker).any(|(at, _)| {
                    let word_starts = !line[..at].ends_with(|before: char| before.is_alphanumeric());
                    let after = &line[at + marker.len()..];
                    // A text that is just this word is somebody's data.
                    let is_data = line[..at].ends_with('"') && after.starts_with('"');
                    word_starts
                        && !is_data
                        && !after.starts_with("(#")
                        && !after.starts_with(char::is_alphanumeric)
                });
                if bare {
                    offences.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert_none(
        &offences,
        "do it, or write the marker as `(#issue): why it waits`.",
    );
}
