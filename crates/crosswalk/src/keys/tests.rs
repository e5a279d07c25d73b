use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::read_file;

struct KeyFile {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl KeyFile {
    fn new(text: &str, mode: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master-keys");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Self { _dir: dir, path }
    }
}

#[test]
fn keys_come_in_the_order_of_their_lines() {
    let file = KeyFile::new("# first wraps\nnew: aa \n\n  old:bb\r\n", 0o600);
    let keys = read_file(&file.path).unwrap();
    let read: Vec<(&str, &str)> = keys
        .iter()
        .map(|key| (key.id.as_str(), key.key.expose()))
        .collect();
    assert_eq!(read, [("new", "aa"), ("old", "bb")]);
    let group = KeyFile::new("new:aa", 0o640);
    assert_eq!(read_file(&group.path).unwrap().len(), 1);
}

#[test]
fn a_line_without_a_name_is_refused_without_being_shown() {
    let file = KeyFile::new("k1:aa\ncanary-key", 0o400);
    let error = format!("{:#}", read_file(&file.path).unwrap_err());
    assert!(error.contains("line 2") && !error.contains("canary"), "{error}");
    let missing = file.path.with_extension("missing");
    let error = format!("{:#}", read_file(&missing).unwrap_err());
    assert!(error.contains("master-keys.missing"), "{error}");
}

#[test]
fn a_file_that_others_may_read_or_change_is_refused() {
    for mode in [0o644, 0o604, 0o620, 0o602, 0o666] {
        let file = KeyFile::new("k1:aa", mode);
        let error = format!("{:#}", read_file(&file.path).unwrap_err());
        assert!(error.contains("chmod 600"), "{mode:o}: {error}");
    }
}
