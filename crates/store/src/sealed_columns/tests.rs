use std::collections::BTreeSet;

use super::SEALED_COLUMNS;
use crate::migrations::texts;
use crate::sealing::HEAD_BYTES;

/// `table.column` of every sealed column that a migration makes.
fn sealed_columns_of(sql: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut table = String::new();
    for line in sql.lines().filter(|line| !line.trim_start().starts_with("--")) {
        let words: Vec<&str> = line
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .collect();
        if let Some(at) = words.iter().position(|word| *word == "TABLE") {
            words
                .get(at + 1)
                .copied()
                .unwrap_or_default()
                .clone_into(&mut table);
        }
        let is_bytes = words.iter().any(|word| matches!(*word, "BYTEA" | "BLOB"));
        let column = words.iter().find(|word| word.starts_with("sealed_"));
        if let Some(column) = column.filter(|_| is_bytes) {
            found.insert(format!("{table}.{column}"));
        }
    }
    found
}

#[test]
fn every_sealed_column_of_the_migrations_is_listed() {
    let listed: BTreeSet<String> = SEALED_COLUMNS.iter().map(super::SealedColumn::name).collect();
    let (mut postgres, mut sqlite) = (BTreeSet::new(), BTreeSet::new());
    for (in_postgres, in_sqlite) in texts() {
        postgres.extend(sealed_columns_of(in_postgres));
        sqlite.extend(sealed_columns_of(in_sqlite));
    }
    assert_eq!(
        postgres, listed,
        "list the column in sealed_columns.rs, or the rotation of keys forgets it"
    );
    assert_eq!(sqlite, listed);
}

#[test]
fn a_page_reads_as_much_of_a_record_as_its_head() {
    for column in SEALED_COLUMNS {
        let head = format!("substr({}, 1, {HEAD_BYTES}) AS head", column.column);
        assert!(column.page.contains(&head), "{}", column.name());
        if let Some(reseal) = column.reseal {
            let named = format!("UPDATE {} SET {} = $3", column.table, column.column);
            assert!(reseal.write.starts_with(&named), "{}", column.name());
            assert!(
                reseal.write.contains(&format!("{} = $2", column.column)),
                "{}",
                column.name()
            );
        }
    }
}
