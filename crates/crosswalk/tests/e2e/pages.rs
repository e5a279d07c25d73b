//! The pages that people see, in a real browser: `browser/pages.mjs` walks and looks, this file makes the world before it
//! and asks what came of it. On SQLite only: the pages do not know which database is behind them.
//!
//! Needs node and npm, the package registry the first time, and a Chromium that `CHROMIUM` names, as `./test` sets it.
//! `CROSSWALK_SCREENSHOTS` names a folder to keep the pictures in; without it they go with the world.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Backend, Plan, Tenant, World};
use serde_json::{Value, json};

const TENANT: &str = "Fjord & Sons";
const RETURN_TO: &str = "http://127.0.0.1:9/back";
/// A tenant's page, which the browser serves to itself.
const APP: &str = "http://127.0.0.1:47999/back";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The browser to use, unless something is missing.
fn chromium() -> Option<PathBuf> {
    let chromium = std::env::var_os("CHROMIUM")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let Some(chromium) = chromium else {
        eprintln!("skipped: set CHROMIUM to a browser, as ./test does");
        return None;
    };
    if let Some(missing) = ["node", "npm"].into_iter().find(|program| !is_there(program)) {
        eprintln!("skipped: {missing} is missing");
        return None;
    }
    Some(chromium)
}

/// The folder of the pinned packages, installed when it is not what the lock file says.
fn node_modules() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var_os("CROSSWALK_CACHE").map_or_else(|| workspace.join(".cache"), PathBuf::from);
    let folder = cache.join("browser");
    fs::create_dir_all(&folder).expect("a folder");
    let turn = fs::File::create(folder.join(".turn")).expect("a file");
    turn.lock().expect("one installation at a time");
    let wanted = fs::read(source().join("package-lock.json")).expect("the lock file");
    if fs::read(folder.join(".installed")).ok().as_ref() != Some(&wanted) {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(source().join(name), folder.join(name)).expect("a copy");
        }
        let status = Command::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .current_dir(&folder)
            .status()
            .expect("npm");
        assert!(status.success(), "npm ci failed in {}", folder.display());
        fs::write(folder.join(".installed"), wanted).expect("a file");
    }
    folder.join("node_modules").canonicalize().expect("a folder")
}

/// A tenant, whose people are about to open pages.
struct Stage {
    world: World,
    tenant: Tenant,
    tenant_name: String,
    chromium: PathBuf,
}

impl Stage {
    async fn set(tenant_name: &str) -> Option<Self> {
        let chromium = chromium()?;
        let world = World::small(Backend::Sqlite).await;
        let tenant = world.tenant(tenant_name).await;
        Some(Self {
            world,
            tenant,
            tenant_name: tenant_name.to_owned(),
            chromium,
        })
    }

    /// A connect link of the tenant's, to the one environment that the simulator plays.
    async fn link(&self, external_id: &str, return_to: Option<&str>) -> String {
        let mut session = json!({ "external_id": external_id, "environment": "production" });
        if let Some(return_to) = return_to {
            session["return_to"] = json!(return_to);
        }
        self.link_of(session).await
    }

    /// A connect link of the tenant's.
    async fn link_of(&self, mut session: Value) -> String {
        session["provider"] = json!(simulator::PROVIDER);
        let url = self.world.url("/connect/sessions");
        let reply = self
            .world
            .client
            .post(&url, &self.tenant.bearer(), &session)
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["url"].as_str().expect("a link").to_owned()
    }

    /// A link to the mapping page of a connection.
    async fn mapping_link(&self, connection_id: &str) -> String {
        let url = self
            .world
            .url(&format!("/connections/{connection_id}/mapping_sessions"));
        let session = json!({ "resources": ["contacts"] });
        let reply = self
            .world
            .client
            .post(&url, &self.tenant.bearer(), &session)
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["url"].as_str().expect("a link").to_owned()
    }

    /// The short form of the override of the tenant's one connection.
    async fn field_map(&self) -> Value {
        let url = self.world.url("/mappings");
        let listed = self.world.client.get(&url, &self.tenant.bearer()).await.json();
        assert_eq!(listed["result_count"], 1, "{listed}");
        let document = listed["result"][0]["document"].as_str().expect("a document");
        serde_json::from_str::<Value>(document).expect("JSON")["field_map"].clone()
    }

    /// Plays a scenario of `pages.mjs`, which must end well.
    async fn play(&self, scenario: &str, links: &[String]) {
        let kept = std::env::var_os("CROSSWALK_SCREENSHOTS").map(PathBuf::from);
        let screenshots = kept.unwrap_or_else(|| self.world.directory.path().to_path_buf());
        let plan = json!({
            "scenario": scenario, "gateway": self.world.gateways[0].url, "simulator": self.world.simulator.base_url(),
            "tenant": self.tenant_name, "links": links, "username": simulator::USERNAME,
            "password": simulator::PASSWORD, "screenshots": screenshots, "app": APP,
        });
        let chromium = self.chromium.clone();
        // The simulator answers from this process, which must not wait.
        let output = tokio::task::spawn_blocking(move || {
            Command::new("node")
                .arg(source().join("pages.mjs"))
                .arg(plan.to_string())
                .env("NODE_PATH", node_modules())
                .env("CHROMIUM", chromium)
                .output()
        });
        let output = output.await.expect("a thread").expect("node");
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.trim_end().ends_with("ok"),
            "{scenario}: {said}\n{errors}\n{}",
            self.world.gateways[0].log()
        );
    }

    /// The tenant's connections, as `external_id` and state.
    async fn connections(&self) -> Vec<(String, String)> {
        let url = self.world.url("/connections");
        let list = self.world.client.get(&url, &self.tenant.bearer()).await.json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list["result"]
            .as_array()
            .unwrap_or_else(|| panic!("no list: {list}"))
            .iter()
            .map(|connection| (text(&connection["external_id"]), text(&connection["state"])))
            .collect()
    }
}

fn active(external_id: &str) -> Vec<(String, String)> {
    vec![(external_id.to_owned(), "active".to_owned())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_connects_with_a_keyboard_alone() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("keyboard", &[link]).await;
    assert_eq!(stage.connections().await, active("acme"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_connects_on_a_phone_in_the_dark() {
    let name = format!("{}<img src=x onerror=alert(1)>\"&amp;", "Rindfleisch".repeat(14));
    let Some(stage) = Stage::set(&name).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("phone", &[link]).await;
    assert_eq!(stage.connections().await, active("acme"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_shows_the_connect_page_on_a_phone() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("portrait", &[link]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_is_told_of_a_denial() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("denied", &[link]).await;
    assert_eq!(stage.connections().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_is_led_back_after_a_failure() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let fault = json!({ "kind": "outage", "path": "/services/oauth2/token" });
    stage.world.tell_simulator("faults", fault).await;
    let link = stage.link("acme", Some(RETURN_TO)).await;
    stage.play("refused", &[link]).await;
    assert_eq!(stage.connections().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_finds_used_pages_over() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("replayed", &[link]).await;
    assert_eq!(stage.connections().await, active("acme"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_cannot_finish_the_journey_of_another() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let mut links = Vec::new();
    for external_id in ["first", "second", "third"] {
        links.push(stage.link(external_id, None).await);
    }
    stage.play("stolen", &links).await;
    assert_eq!(stage.connections().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_chooses_the_environment_and_chooses_again() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link_of(json!({ "external_id": "acme" })).await;
    stage.play("environment", &[link]).await;
    assert_eq!(stage.connections().await, active("acme"));
    let url = stage.world.url("/connections");
    let list = stage.world.client.get(&url, &stage.tenant.bearer()).await.json();
    assert_eq!(list["result"][0]["environment"], "production", "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_maps_fields_with_a_keyboard_alone() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let link = stage.link("acme", None).await;
    stage.play("mapping_keyboard", &[link]).await;
    let expected = json!({"department": "Lead_Source__c", "ltv": "LTV_Score__c"});
    assert_eq!(stage.field_map().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_maps_fields_without_a_script() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let connection = stage.world.connect(&stage.tenant, "acme").await;
    let link = stage.mapping_link(&connection).await;
    stage.play("mapping_without_script", &[link]).await;
    let expected = json!({"department": "Lead_Source__c", "seats": "Seats__c"});
    assert_eq!(stage.field_map().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_maps_fields_on_a_phone_in_an_org_of_many() {
    let Some(chromium) = chromium() else { return };
    let mut plan = Plan::new(Backend::Sqlite);
    plan.simulator.org.extra_custom_fields = 800;
    let world = World::build(plan).await;
    let label = "<img src=x onerror=alert(1)>\"&amp;</option></datalist><script>alert(2)</script>";
    let hostile = json!({ "name": "Evil__c", "type": "string", "label": label, "length": 80 });
    let added = world.simulator.org().add_field("Contact", &hostile);
    added.expect("a field");
    let tenant = world.tenant(TENANT).await;
    let connection = world.connect(&tenant, "acme").await;
    let stage = Stage {
        world,
        tenant,
        tenant_name: TENANT.to_owned(),
        chromium,
    };
    let links = [
        stage.mapping_link(&connection).await,
        stage.mapping_link(&connection).await,
    ];
    stage.play("mapping_phone", &links).await;
    assert_eq!(stage.field_map().await, json!({"title": "LTV_Score__c"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_is_told_that_somebody_else_mapped_fields() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    let connection = stage.world.connect(&stage.tenant, "acme").await;
    let links = [
        stage.mapping_link(&connection).await,
        stage.mapping_link(&connection).await,
    ];
    stage.play("mapping_together", &links).await;
    let expected = json!({"department": "LastName", "title": "Lead_Source__c"});
    assert_eq!(stage.field_map().await, expected);
}

/// Plays a scenario in a popup of [`APP`].
async fn in_a_popup(scenario: &str, settings: Value) {
    let Some(chromium) = chromium() else {
        return;
    };
    let mut plan = Plan::new(Backend::Sqlite);
    plan.settings = vec![("CONNECT_RETURN_TO_ALLOWED", "[\"http://127.0.0.1:47999/back\"]")];
    let world = World::build(plan).await;
    world.tell_simulator("settings", settings).await;
    let tenant = world.tenant(TENANT).await;
    let stage = Stage {
        world,
        tenant,
        tenant_name: TENANT.to_owned(),
        chromium,
    };
    let session =
        json!({"environment": "production", "external_id": "acme", "return_to": APP, "mode": "popup"});
    let link = stage.link_of(session).await;
    stage.play(scenario, &[link]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_tells_the_page_that_opened_it() {
    in_a_popup("popup_connected", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_tells_of_a_denial() {
    in_a_popup("popup_denied", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_explains_what_an_administrator_must_do() {
    in_a_popup("popup_stranded", json!({"uninstalled_app": "dead_end"})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_that_is_closed_is_noticed() {
    in_a_popup("popup_closed", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_that_is_blocked_becomes_a_page() {
    in_a_popup("popup_blocked", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_popup_tells_no_other_page() {
    in_a_popup("popup_of_a_stranger", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browser_reads_the_docs() {
    let Some(stage) = Stage::set(TENANT).await else {
        return;
    };
    stage.play("docs", &[]).await;
}
