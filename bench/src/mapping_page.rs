//! A page of records, bytes in and mapped bytes out: the gateway's mapping against transforms written by hand.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mapping::{Budget, Catalog, Method, OverrideSource, Plan, ResponseInput};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::pages::{self, Width};
use crate::report::{Ratio, Report, Table, median};
use crate::transform;

/// The mapping that people bring, as an override of ours.
const PUBLISHED: &str = include_str!("../published-contacts.yaml");
/// Evaluates the same mapping on Node.
const JSONATA_JS: &str = include_str!("../jsonata.mjs");
const SIZES: [usize; 3] = [1, 200, 2_000];
/// Each measurement repeats its work for about this long; the median is over the rounds.
const ROUND: Duration = Duration::from_millis(60);
/// A mapping of 200 records may cost this many times the transform by hand over a tree.
const AT_MOST: f64 = 6.0;

type Transform = Box<dyn Fn(&[u8]) -> anyhow::Result<Vec<u8>>>;

#[derive(Serialize)]
struct Answer<'a> {
    result: &'a [mapping::Record],
    result_count: usize,
}

/// `bench mapping`.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let report = measure(arguments)?;
    print!("{}", report.markdown());
    Ok(())
}

/// Measures every way at every size.
pub(crate) fn measure(arguments: &Arguments) -> anyhow::Result<Report> {
    let rounds: usize = arguments.parsed("rounds", 15)?;
    let catalog = Catalog::embedded()?;
    let published = [OverrideSource {
        level_name: "tenant",
        document: PUBLISHED,
    }];
    let ways: Vec<(&str, Transform)> = vec![
        (
            "by hand, serde_json::Value",
            Box::new(|page| Ok(transform::by_value(page)?)),
        ),
        (
            "by hand, borrowed, streamed",
            Box::new(|page| Ok(transform::by_borrowing(page)?)),
        ),
        (
            "crosswalk, published mapping",
            mapped_by(catalog.plan(arguments.provider(), "contacts", &published)?),
        ),
        (
            "crosswalk, own contacts mapping",
            mapped_by(catalog.plan(arguments.provider(), "contacts", &[])?),
        ),
    ];
    let pages: Vec<Vec<u8>> = SIZES
        .iter()
        .map(|size| pages::page(*size, Width::Mapped))
        .collect();
    check(&ways, &pages)?;
    let mut medians: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for page in &pages {
        for (name, us) in time(&ways, page, rounds)? {
            medians.entry(name).or_default().push(us);
        }
    }
    let mut names: Vec<&str> = ways.iter().map(|(name, _)| *name).collect();
    let mut report = Report::default();
    match arguments.text("jsonata-js") {
        Some(modules) => {
            names.push("jsonata-js on Node, published mapping");
            medians.insert(
                "jsonata-js on Node, published mapping",
                jsonata_js(Path::new(modules), &pages, rounds)?,
            );
        }
        None => report
            .gaps
            .push("the mapping on jsonata-js: no --jsonata-js folder".to_owned()),
    }
    tell(&mut report, &names, &medians);
    Ok(report)
}

fn tell(report: &mut Report, names: &[&str], medians: &BTreeMap<&str, Vec<f64>>) {
    let floor = &medians[names[0]];
    let row = |name: &&str| {
        let own = &medians[name];
        let cells = own
            .iter()
            .zip(floor)
            .map(|(us, floor)| format!("{us:.1} µs ({:.2})", us / floor));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    report.tables.push(Table {
        heading: "Mapping a page (median; times the transform by hand over serde_json::Value)".to_owned(),
        columns: ["", "1 record", "200 records", "2,000 records"]
            .map(str::to_owned)
            .to_vec(),
        rows: names.iter().map(row).collect(),
    });
    for name in ["crosswalk, published mapping", "crosswalk, own contacts mapping"] {
        report.ratios.push(Ratio::new(
            format!("mapping 200 records, {name} / by hand, Value"),
            medians[name][1] / floor[1],
            AT_MOST,
        ));
    }
}

/// What the gateway does between reading a reply and writing an answer.
fn mapped_by(plan: Arc<Plan>) -> Transform {
    let budget = Budget {
        record_ms: 1_000,
        request_ms: 60_000,
    };
    Box::new(move |page| {
        let mut page: Value = serde_json::from_slice(page)?;
        let records = page["records"].take();
        let nothing = json!({});
        let input = ResponseInput {
            query: &nothing,
            context: &nothing,
            headers: &nothing,
            custom_fields: &|name| name.ends_with("__c").then_some(mapping::FieldKind::Text),
            keep_remote_data: false,
            fields: None,
        };
        let mapped = plan.records(Method::List, &records, &input, &budget)?;
        Ok(serde_json::to_vec(&Answer {
            result: &mapped.records,
            result_count: mapped.records.len(),
        })?)
    })
}

/// Every way must answer all records, in order, with the same names and addresses: a fast wrong answer is no answer.
fn check(ways: &[(&str, Transform)], pages: &[Vec<u8>]) -> anyhow::Result<()> {
    for (page, size) in pages.iter().zip(SIZES) {
        let expected: Value = serde_json::from_slice(&transform::by_value(page)?)?;
        for (name, way) in ways {
            let answer: Value =
                serde_json::from_slice(&way(page).with_context(|| format!("{name}, {size} records"))?)?;
            same(name, size, &answer, &expected)?;
        }
    }
    Ok(())
}

fn same(name: &str, size: usize, answer: &Value, expected: &Value) -> anyhow::Result<()> {
    ensure!(
        answer["result_count"] == size,
        "{name}: {} of {size} records",
        answer["result_count"]
    );
    // A page of one is an object in jsonata-js.
    let record = |whole: &Value, at: usize| {
        if whole["result"].is_array() {
            whole["result"][at].clone()
        } else {
            whole["result"].clone()
        }
    };
    for at in [0, size / 2, size - 1] {
        let (own, wanted) = (record(answer, at), record(expected, at));
        for field in ["id", "first_name", "last_name", "name"] {
            ensure!(
                own[field] == wanted[field],
                "{name}, record {at}: {field} is {}, not {}",
                own[field],
                wanted[field]
            );
        }
        ensure!(
            own["email_addresses"][0]["email"] == wanted["email_addresses"][0]["email"]
                && own["custom_fields"]["LTV_Score__c"].as_f64()
                    == wanted["custom_fields"]["LTV_Score__c"].as_f64(),
            "{name}, record {at}: {own} is not {wanted}"
        );
    }
    Ok(())
}

/// Median microseconds of each way, the rounds interleaved so that all meet the same neighbours.
fn time<'w>(
    ways: &'w [(&str, Transform)],
    page: &[u8],
    rounds: usize,
) -> anyhow::Result<Vec<(&'w str, f64)>> {
    let mut repeats = Vec::new();
    for (_, way) in ways {
        let started = Instant::now();
        black_box(way(page)?);
        let once = started.elapsed().max(Duration::from_micros(1));
        repeats.push(
            u32::try_from(ROUND.as_micros() / once.as_micros())
                .unwrap_or(u32::MAX)
                .clamp(1, 20_000),
        );
    }
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..rounds {
        for (((_, way), repeats), taken) in ways.iter().zip(&repeats).zip(&mut taken) {
            let started = Instant::now();
            for _ in 0..*repeats {
                black_box(way(black_box(page))?);
            }
            taken.push(started.elapsed().as_secs_f64() * 1e6 / f64::from(*repeats));
        }
    }
    Ok(ways
        .iter()
        .map(|(name, _)| *name)
        .zip(taken.into_iter().map(median))
        .collect())
}

/// The same mapping on jsonata-js, from a folder in which npm installed it.
fn jsonata_js(modules: &Path, pages: &[Vec<u8>], rounds: usize) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("jsonata.mjs");
    std::fs::write(&script, JSONATA_JS)?;
    let expression = folder.path().join("mapping.jsonata");
    let (_, text) = PUBLISHED
        .split_once("response_mapping: >-")
        .context("a response_mapping in published-contacts.yaml")?;
    std::fs::write(&expression, text)?;
    let mut paths = Vec::new();
    for (page, size) in pages.iter().zip(SIZES) {
        let path = folder.path().join(format!("{size}.json"));
        std::fs::write(&path, page)?;
        paths.push(path);
    }
    let modules = modules
        .canonicalize()
        .with_context(|| format!("--jsonata-js {}", modules.display()))?;
    let output = Command::new("node")
        .arg(&script)
        .arg(modules)
        .arg(&expression)
        .arg(rounds.to_string())
        .args(&paths)
        .output()?;
    ensure!(
        output.status.success(),
        "node: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let mut medians = Vec::new();
    for ((path, page), size) in paths.iter().zip(pages).zip(SIZES) {
        let own = &told[path.to_string_lossy().as_ref()];
        let expected: Value = serde_json::from_slice(&transform::by_value(page)?)?;
        same("jsonata-js", size, &own["answer"], &expected)?;
        medians.push(own["us"].as_f64().context("a median from node")?);
    }
    Ok(medians)
}
