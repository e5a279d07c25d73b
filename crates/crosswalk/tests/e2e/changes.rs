//! What changed since the last time: windows of `updated_at` that follow each other lose nothing and repeat nothing,
//! whatever is written while they are read.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Backend, Caller, World, both};

/// How far behind the provider's clock a window ends, ms: what is written within the second it ends in could still
/// change behind the reader's back.
const LAG_MS: i64 = 1_000;
const PAGE: usize = 9;

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Change(usize),
    Delete(usize),
    Wait(i64),
    ReadPage,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1..12_usize).prop_map(Step::Create),
        3 => any::<usize>().prop_map(Step::Change),
        1 => any::<usize>().prop_map(Step::Delete),
        2 => (0..2_500_i64).prop_map(Step::Wait),
        5 => Just(Step::ReadPage),
    ]
}

/// A reader as the README tells one to be written.
struct Reader<'a> {
    caller: &'a Caller<'a>,
    /// End of the last window, ms since 1970.
    read_to_ms: i64,
    /// The window that is being read: its end, and the cursor once there is one.
    window: Option<(i64, Option<String>)>,
    /// Each version of a record that was answered.
    seen: BTreeSet<(String, String)>,
    /// The last version of each record: when it changed, and whether it is deleted.
    mirror: BTreeMap<String, (String, bool)>,
}

fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a time").to_string()
}

/// The last whole second that a window may end with.
async fn settled_ms(world: &World) -> i64 {
    let now_ms = world.ask_simulator("clock").await["now_ms"]
        .as_i64()
        .expect("a time");
    (now_ms - LAG_MS).div_euclid(1_000) * 1_000
}

impl Reader<'_> {
    /// Reads one page of the window that is open, or of the next one when there is one.
    async fn read_page(&mut self) {
        let (end_ms, cursor) = match self.window.take() {
            Some(window) => window,
            None => (settled_ms(self.caller.world).await, None),
        };
        if end_ms <= self.read_to_ms {
            return;
        }
        let (from, to) = (instant(self.read_to_ms), instant(end_ms));
        let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let page = self
            .caller
            .contacts(&format!(
                "updated_at[gt]={from}&updated_at[lte]={to}&sort=updated_at&include_deleted=true&limit={PAGE}&fields=id,updated_at,is_deleted{cursor}"
            ))
            .await;
        for record in page["result"].as_array().expect("records") {
            let text = |name: &str| record[name].as_str().expect("a text").to_owned();
            let version = (text("id"), text("updated_at"));
            assert!(
                self.seen.insert(version.clone()),
                "{version:?} was answered twice"
            );
            let is_deleted = record["is_deleted"].as_bool().expect("a flag");
            self.mirror.insert(version.0, (version.1, is_deleted));
        }
        match page["next_cursor"].as_str() {
            Some(next) => self.window = Some((end_ms, Some(next.to_owned()))),
            None => self.read_to_ms = end_ms,
        }
    }
}

async fn write(caller: &Caller<'_>, step: &Step, alive: &mut Vec<String>, written: &mut usize) {
    let path = "/unified/crm/contacts";
    *written += 1;
    let name = json!({"last_name": format!("Version {written}")});
    match step {
        Step::Create(count) => {
            let records: Vec<Value> = (0..*count).map(|_| name.clone()).collect();
            let body = json!({"operation": "create", "records": records});
            let reply = caller.send("POST", &format!("{path}/batch"), Some(&body)).await;
            assert_eq!(reply.status, 207, "{reply:?}");
            let made = reply.json()["results"].as_array().expect("results").clone();
            alive.extend(
                made.iter()
                    .map(|one| one["id"].as_str().expect("an id").to_owned()),
            );
        }
        Step::Change(which) if !alive.is_empty() => {
            let id = &alive[which % alive.len()];
            let reply = caller.send("PATCH", &format!("{path}/{id}"), Some(&name)).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        Step::Delete(which) if !alive.is_empty() => {
            let id = alive.swap_remove(which % alive.len());
            let reply = caller.send("DELETE", &format!("{path}/{id}"), None).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        _ => {}
    }
}

async fn advance(world: &World, ms: i64) {
    world.tell_simulator("clock", json!({"advance_ms": ms})).await;
}

/// What the org itself holds, in the reader's words.
fn org(world: &World) -> BTreeMap<String, (String, bool)> {
    let rows = world.simulator.org().raw_records("Contact");
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let told = |row: &Value| text(row, "SystemModstamp").replace("+0000", "Z");
    rows.iter()
        .map(|row| (text(row, "Id"), (told(row), row["IsDeleted"] == true)))
        .collect()
}

async fn holds(caller: &Caller<'_>, steps: &[Step]) {
    // What was there before is known, so that a window is soon read to its end.
    advance(caller.world, LAG_MS + 1_000).await;
    let mut reader = Reader {
        caller,
        read_to_ms: settled_ms(caller.world).await,
        window: None,
        seen: BTreeSet::new(),
        mirror: org(caller.world),
    };
    let (mut alive, mut written) = (Vec::new(), 0);
    for step in steps {
        match step {
            Step::Wait(ms) => advance(caller.world, *ms).await,
            Step::ReadPage => reader.read_page().await,
            step => write(caller, step, &mut alive, &mut written).await,
        }
    }
    // The second of the last write must be over for the last window to reach it.
    advance(caller.world, LAG_MS + 1_000).await;
    let last_ms = settled_ms(caller.world).await;
    while reader.read_to_ms < last_ms {
        reader.read_page().await;
    }
    assert_eq!(reader.mirror, org(caller.world));
}

both!(windows_of_changes_lose_nothing_and_repeat_nothing);
async fn windows_of_changes_lose_nothing_and_repeat_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let mut runner = TestRunner::new(Config {
        cases: 6,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let handle = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&proptest::collection::vec(step(), 20..60), |steps| {
            handle.block_on(holds(&caller, &steps));
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
