//! The whole test suite of jsonata-js, found through `JSONATA_TEST_SUITE` (a folder with `groups` and `datasets`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use jlens_core::{Bindings, Options};
use serde_json::Value;

use super::input::Whole;
use super::{Expression, ExpressionError, guarded};

/// Cases that cannot hold, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "function-string/case019",
        "$string(1/0): a number out of range is found at the division (D1001), not when it is written (D3001)",
    ),
    (
        "function-encodeUrl/case002",
        "needs a text with half a surrogate pair, which neither JSON of ours nor Rust's texts can hold",
    ),
    (
        "function-encodeUrlComponent/case002",
        "needs a text with half a surrogate pair, which neither JSON of ours nor Rust's texts can hold",
    ),
];

#[derive(serde::Deserialize)]
struct Case {
    #[serde(default)]
    expr: Option<String>,
    #[serde(default, rename = "expr-file")]
    expr_file: Option<String>,
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    bindings: serde_json::Map<String, Value>,
    #[serde(default, deserialize_with = "given")]
    result: Option<Value>,
    #[serde(default, rename = "undefinedResult")]
    undefined: bool,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    unordered: bool,
    #[serde(default)]
    depth: Option<usize>,
}

/// Tells `null` from nothing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

fn run(source: &str, input: Option<&Value>, case: &Case) -> Result<Option<Value>, ExpressionError> {
    // `$eval` and great ranges are part of the language; mappings may not use them.
    let expression = Expression::compile_any(source)?;
    let bindings: Bindings = case.bindings.clone().into_iter().collect();
    // Cases that must run out of something say how much they have.
    let limited = case.code.as_deref() == Some("U1001");
    let options = Options::new().timeout(Duration::from_millis(if limited { 1_000 } else { 60_000 }));
    let options = match case.depth {
        Some(depth) if limited => options.max_depth(depth),
        _ => options,
    };
    guarded(|| match input {
        Some(value) => expression
            .engine
            .evaluate_source(&Whole(value), &bindings, &options),
        None => expression.engine.evaluate_with(None, &bindings, &options),
    })
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

fn verdict(case: &Case, answer: Result<Option<Value>, ExpressionError>) -> Result<(), String> {
    let wanted_code = case.code.clone().or_else(|| {
        let code = case.error.as_ref()?.get("code")?.as_str()?;
        Some(code.to_owned())
    });
    match (answer, wanted_code) {
        (Err(error), Some(code)) => {
            // The suite's own limits end as U1001; the engine says which limit it was.
            let limits = ["D1011", "D1012", "U1006"].contains(&error.code.as_str());
            if error.code == code || code == "U1001" && limits {
                Ok(())
            } else {
                Err(format!("wanted {code}, got {error}"))
            }
        }
        (Err(error), None) if case.error.is_some() => {
            let _ = error;
            Ok(())
        }
        (Err(error), None) => Err(format!("failed: {error}")),
        (Ok(found), Some(code)) => Err(format!("wanted {code}, got {found:?}")),
        (Ok(found), None) => match (&case.result, found) {
            (_, None) if case.undefined || case.result.is_none() => Ok(()),
            (Some(Value::Array(wanted)), Some(Value::Array(mut found))) if case.unordered => {
                let mut wanted = wanted.clone();
                wanted.sort_by_key(Value::to_string);
                found.sort_by_key(Value::to_string);
                if same(&Value::Array(wanted), &Value::Array(found)) {
                    Ok(())
                } else {
                    Err("another set".to_owned())
                }
            }
            (Some(wanted), Some(found)) if same(wanted, &found) => Ok(()),
            (wanted, found) => Err(format!("wanted {wanted:?}, got {found:?}")),
        },
    }
}

/// JSON with what is not JSON to Rust (half surrogates) replaced.
fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| {
        let halves = regex::Regex::new(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}").unwrap();
        serde_json::from_str(&halves.replace_all(&text, "\\ufffd")).unwrap()
    })
}

fn case_files(groups: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for group in std::fs::read_dir(groups).unwrap() {
        for file in std::fs::read_dir(group.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the suite is not part of the project; its place is told from outside"
)]
fn the_language_is_jsonata_as_its_own_suite_defines_it() {
    let Ok(folder) = std::env::var("JSONATA_TEST_SUITE") else {
        eprintln!("SKIPPED: JSONATA_TEST_SUITE does not name the folder of the jsonata-js test suite");
        return;
    };
    let folder = PathBuf::from(folder);
    let mut failures = Vec::new();
    let mut excepted = Vec::new();
    let mut count = 0;
    for file in case_files(&folder.join("groups")) {
        let read_cases = match read(&file) {
            Value::Array(cases) => cases,
            one => vec![one],
        };
        for (index, case) in read_cases.into_iter().enumerate() {
            count += 1;
            let has_data = case.get("data").is_some();
            let data_is_null = case.get("data").is_some_and(Value::is_null);
            let has_dataset = case.get("dataset").is_some_and(Value::is_string);
            let case: Case = serde_json::from_value(case).unwrap();
            let source = match (&case.expr, &case.expr_file) {
                (Some(text), _) => text.clone(),
                (None, Some(name)) => std::fs::read_to_string(file.parent().unwrap().join(name)).unwrap(),
                (None, None) => continue,
            };
            let input = if has_dataset {
                let name = case.dataset.as_deref().unwrap();
                Some(read(&folder.join("datasets").join(format!("{name}.json"))))
            } else if has_data {
                if data_is_null {
                    Some(Value::Null)
                } else {
                    case.data.clone()
                }
            } else {
                None
            };
            let group = file.parent().unwrap().file_name().unwrap().to_string_lossy();
            let name = format!("{group}/{}", file.file_stem().unwrap().to_string_lossy());
            if let Err(reason) = verdict(&case, run(&source, input.as_ref(), &case)) {
                match EXCEPTIONS.iter().find(|(known, _)| *known == name) {
                    Some(_) => excepted.push(name),
                    None => failures.push(format!("{name}[{index}]: {reason}\n    {source}")),
                }
            }
        }
    }
    assert!(count > 1_600, "only {count} cases found in {}", folder.display());
    assert!(
        failures.is_empty(),
        "{} of {count} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(
        excepted.len(),
        EXCEPTIONS.len(),
        "an exception holds now: take it off the list ({excepted:?})"
    );
}
