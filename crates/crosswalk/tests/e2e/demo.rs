//! `crosswalk demo`, as a newcomer runs it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::Client;

struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> Demo {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswalk"));
    command
        .arg("demo")
        .args(["--port", "0", "--simulator-port", "0"])
        .args(crate::support::query_log().map(|path| format!("--query-log={path}")))
        .args(arguments)
        .env_clear();
    Demo(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_tells_one_line_of_json_serves_and_ends_when_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = directory.path().join("kept");
    let mut demo = start(&["--json", "--data-dir", kept.to_str().expect("a path")]);
    let mut output = BufReader::new(demo.0.stdout.take().expect("standard output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let told: Value = serde_json::from_str(&line).expect("one line of JSON");
    let text = |key: &str| {
        told[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} in {told}"))
            .to_owned()
    };
    for key in [
        "gateway",
        "api_key",
        "operator_key",
        "connection_id",
        "simulator",
        "data_dir",
    ] {
        assert!(!text(key).is_empty());
    }
    let headers = [
        ("authorization", format!("Bearer {}", text("api_key"))),
        ("x-connection-id", text("connection_id")),
    ];
    let page = Client::new()
        .get(
            &format!("{}/unified/crm/contacts?limit=3", text("gateway")),
            &headers,
        )
        .await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.json()["result_count"], 3);

    let pid = demo.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("kill")
            .success()
    );
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("the rest");
    assert_eq!(rest, "", "nothing but the one line");
    assert!(demo.0.wait().expect("a status").success());
    assert!(kept.join("crosswalk.db").exists(), "--data-dir keeps it");

    // What was kept serves again: the same master key opens it.
    let mut again = start(&["--json", "--data-dir", kept.to_str().expect("a path")]);
    let mut line = String::new();
    BufReader::new(again.0.stdout.take().expect("standard output"))
        .read_line(&mut line)
        .expect("a line");
    assert!(line.starts_with('{'), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_five_lines_of_the_introduction_work_when_pasted() {
    let mut demo = start(&[]);
    let mut output = BufReader::new(demo.0.stdout.take().expect("standard output"));
    let mut lines = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).expect("a line") > 0 {
        if line.starts_with("curl ") {
            lines.push(line.trim().to_owned());
        }
        let is_last = line.starts_with("Ctrl-C");
        line.clear();
        if is_last {
            break;
        }
    }
    assert_eq!(lines.len(), 5, "{lines:?}");
    if Command::new("curl").arg("--version").output().is_err() {
        return eprintln!("skipped: curl is not installed");
    }
    for line in lines {
        let shell = format!("{line} -w '\\n%{{http_code}}'");
        let output = Command::new("sh").args(["-c", &shell]).output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.trim_end().ends_with("200") || text.trim_end().ends_with("201"),
            "{line}: {text}"
        );
    }
}
