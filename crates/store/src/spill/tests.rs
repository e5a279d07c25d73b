use model::{ConnectionId, OsRandom, TenantId};

use super::{Label, list, write_durably};

fn label() -> Label {
    Label {
        tenant: TenantId::generate(&OsRandom),
        connection: ConnectionId::generate(&OsRandom),
        version: 3,
        fence: -1,
    }
}

#[test]
fn a_label_reads_back_and_nothing_else_is_a_label() {
    let label = label();
    assert_eq!(Label::parse(&label.text()), Some(label.clone()));
    for text in [
        "",
        "a.b.c.d",
        &format!("{}.1", label.text()),
        &format!("{}.unfinished", label.text()),
        "../../etc",
    ] {
        assert_eq!(Label::parse(text), None, "{text}");
    }
}

#[test]
fn only_whole_files_of_the_connection_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (label(), label());
    write_durably(dir.path(), &one.text(), b"one").unwrap();
    write_durably(dir.path(), &other.text(), b"other").unwrap();
    std::fs::write(
        dir.path().join(format!("{}.unfinished", label().text())),
        b"cut o",
    )
    .unwrap();
    assert_eq!(list(dir.path(), None).unwrap().len(), 2);
    let found = list(dir.path(), Some(&one.connection)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, one);
    assert_eq!(std::fs::read(&found[0].1).unwrap(), b"one");
}
