//! Golden cases of every provider: `mappings/<provider>/cases/*.yaml`.

#![expect(
    clippy::expect_used,
    reason = "helpers of tests fail the test that called them"
)]

use std::path::{Path, PathBuf};

use mapping::{Catalog, run_cases};

fn mappings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../mappings")
}

#[test]
fn every_golden_case_holds() {
    let catalog = Catalog::from_dir(&mappings()).expect("the shipped documents");
    let report = run_cases(&catalog, &mappings());
    assert!(report.mistakes.is_empty(), "{}", report.mistakes.join("\n\n"));
    assert!(report.cases > 50, "{} cases", report.cases);
}

#[test]
fn a_case_that_does_not_hold_is_told_with_what_was_found() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&mappings(), folder.path());
    let case = folder.path().join("salesforce/cases/stages.yaml");
    let text = std::fs::read_to_string(&case).expect("a case");
    std::fs::write(
        &case,
        text.replace("name: Verloren, position: 0", "name: Verloren, position: 9"),
    )
    .expect("written");
    std::fs::remove_file(folder.path().join("salesforce/cases/users.yaml")).expect("removed");
    let catalog = Catalog::from_dir(folder.path()).expect("the documents");
    let report = run_cases(&catalog, folder.path());
    let mistakes = report.mistakes.join("\n");
    assert_eq!(report.mistakes.len(), 2, "{mistakes}");
    assert!(
        mistakes.contains("salesforce stages") && mistakes.contains("\"position\":0"),
        "{mistakes}"
    );
    assert!(
        mistakes.contains("salesforce users: no golden case reads it"),
        "{mistakes}"
    );
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
