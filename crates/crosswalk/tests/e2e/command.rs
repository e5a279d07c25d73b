//! `crosswalk mappings`, as somebody who writes mappings uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn mappings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings")
}

fn crosswalk(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosswalk"))
        .arg("mappings")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn documents_are_checked_and_held_to_their_cases() {
    let folder = mappings();
    let folder = folder.to_str().expect("a path");
    let checked = crosswalk(&["check", folder]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(
        text(&checked.stdout).contains("salesforce: accounts, "),
        "{}",
        text(&checked.stdout)
    );
    let tested = crosswalk(&["test", folder]);
    assert!(tested.status.success(), "{}", text(&tested.stderr));
    assert!(
        text(&tested.stdout).ends_with("cases hold\n"),
        "{}",
        text(&tested.stdout)
    );
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["unified/crm", "salesforce", "salesforce/crm"] {
        let (from, to) = (mappings().join(part), folder.path().join(part));
        std::fs::create_dir_all(&to).expect("a folder");
        let files = std::fs::read_dir(from).expect("a folder").filter_map(Result::ok);
        for file in files.filter(|file| file.path().is_file()) {
            std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
        }
    }
    std::fs::write(
        folder.path().join("salesforce/crm/contacts.yaml"),
        "resource: contacts\nobject: Contact\nfields: [Id]\nresponse_mapping: 'response.{ \"id\": Id'\n",
    )
    .expect("written");
    let checked = crosswalk(&["check", folder.path().to_str().expect("a path")]);
    let told = text(&checked.stderr);
    assert!(!checked.status.success(), "{told}");
    assert!(
        told.contains("contacts.yaml") && told.contains("response_mapping"),
        "{told}"
    );

    let missing = crosswalk(&["test", "/no/such/folder"]);
    assert!(
        text(&missing.stderr).contains("/no/such/folder: no such folder"),
        "{}",
        text(&missing.stderr)
    );
}

#[test]
fn a_merged_mapping_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = folder.path().join("tenant.yaml");
    std::fs::write(&document, "field_map: {ltv: LTV_Score__c}").expect("written");
    let document = document.to_str().expect("a path");
    let explained = crosswalk(&["explain", "salesforce", "contacts", "--override", document]);
    assert!(explained.status.success(), "{}", text(&explained.stderr));
    let told: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    assert_eq!(told["object"], "Contact");
    assert!(
        told["writable"]
            .as_array()
            .expect("names")
            .contains(&json!("ltv")),
        "{told}"
    );
    assert!(told["sources"].to_string().contains("tenant"), "{told}");

    for (arguments, named) in [
        (vec!["explain", "nobody", "contacts"], "salesforce"),
        (vec!["explain", "salesforce", "spaceships"], "contacts"),
        (vec!["explain", "contacts"], "--connection"),
    ] {
        let refused = crosswalk(&arguments);
        assert!(!refused.status.success());
        assert!(text(&refused.stderr).contains(named), "{}", text(&refused.stderr));
    }
}
