use super::{Statement, read_soql, read_sosl};

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn the_texts_of_a_statement_are_told_in_order_and_decoded() {
    let soql = "SELECT Id, (SELECT Id FROM Cases WHERE Subject = 'in\\nner') FROM Contact \
                WHERE Name LIKE '50\\%\\_%' AND Id IN ('a\\'b', '') AND Email != 'x\\\\' LIMIT 3";
    let read = read_soql(soql).unwrap();
    let wanted = texts(&["in\nner", "50\\%\\_%", "a'b", "", "x\\"]);
    assert_eq!(
        read,
        Statement {
            term: None,
            texts: wanted
        }
    );
    let sosl = "FIND {a\\}b 'c} IN ALL FIELDS RETURNING Contact(Id WHERE Name = '\\u00e9')";
    let read = read_sosl(sosl).unwrap();
    assert_eq!(read.term.as_deref(), Some("a\\}b 'c"));
    assert_eq!(read.texts, texts(&["é"]));
}

#[test]
fn what_is_no_statement_is_refused() {
    for soql in [
        "",
        "SELECT Id FROM Contact WHERE Name = 'x",
        "SELECT Id FROM Contact WHERE Name = 'x' OR",
        "x",
    ] {
        assert!(read_soql(soql).is_err(), "{soql}");
    }
    for sosl in [
        "FIND x",
        "FIND {x y} RETURNING User(Id)} RETURNING Contact(Id)",
        "FIND {xy} IN NO FIELDS",
    ] {
        assert!(read_sosl(sosl).is_err(), "{sosl}");
    }
}
