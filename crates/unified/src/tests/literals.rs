//! Whatever a caller filters by or searches for is in the statement as that text and nothing else, to a reader that shares no
//! code with the writer: the simulated org's own.

use std::sync::LazyLock;

use proptest::prelude::*;
use simulator::{Statement, read_soql, read_sosl};

use super::{Fixture, fixture};

static FIXTURE: LazyLock<Fixture> = LazyLock::new(fixture);

/// Any characters, those that mean something more often than others. Two of the private area are the reader's own.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => prop::sample::select("'\\\"%_{}()*?;:-+ \n\0nrtu".chars().collect::<Vec<_>>()),
        2 => prop::sample::select("abxANDORNOT019.,=".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    let character = character.prop_filter("the reader's own", |letter| {
        !('\u{f8f1}'..='\u{f8f2}').contains(letter)
    });
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

fn texts(fixture: &Fixture, query: &[(&str, &str)]) -> Vec<String> {
    let soql = fixture
        .soql(query)
        .unwrap_or_else(|error| panic!("{query:?}: {error}"));
    match read_soql(&soql) {
        Ok(Statement { texts, .. }) => texts,
        Err(error) => panic!("{query:?}: {error:?}: {soql}"),
    }
}

/// A text as LIKE has it, where it is to mean itself.
fn escaped(text: &str) -> String {
    text.replace('%', "\\%").replace('_', "\\_")
}

fn check_filters(fixture: &Fixture, text: &str, other: &str) {
    let holds = |query: &[(&str, &str)], wanted: &[String]| {
        assert_eq!(texts(fixture, query), wanted, "{query:?}");
    };
    // An empty text is no text to the provider, but null.
    let one = |text: &str| {
        if text.is_empty() {
            Vec::new()
        } else {
            vec![text.to_owned()]
        }
    };
    for name in ["last_name", "last_name[ne]", "email_addresses", "lead_source"] {
        holds(&[(name, text)], &one(text));
    }
    for name in ["last_name[gt]", "last_name[lte]"]
        .into_iter()
        .filter(|_| !text.is_empty())
    {
        holds(&[(name, text)], &one(text));
    }
    holds(&[("title[contains]", text)], &[format!("%{}%", escaped(text))]);
    holds(&[("title[starts_with]", text)], &[format!("{}%", escaped(text))]);
    let either = [("or[0][last_name]", text), ("or[1][first_name][ne]", other)];
    holds(&either, &[one(text), one(other)].concat());
    holds(
        &[("last_name", text), ("email_addresses", other)],
        &[one(text), one(other)].concat(),
    );
    let parts: Vec<String> = [text, other]
        .iter()
        .flat_map(|text| text.split(','))
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    if !parts.is_empty() {
        holds(&[("last_name[in]", &parts.join(","))], &parts);
        holds(&[("last_name[nin]", &parts.join(","))], &parts);
    }
}

/// The words of a term as the braces hold them, escapes taken off.
fn words(term: &str) -> String {
    let mut letters = term.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            // A word that would be an operator is quoted.
            '"' => {}
            other => plain.push(other),
        }
    }
    plain
}

fn check_search(fixture: &Fixture, text: &str) {
    // A term of one character, or of none, is refused or lists everything: no search.
    let Ok(sosl) = fixture.soql(&[("search_term", text)]) else {
        return;
    };
    if !sosl.starts_with("FIND") {
        assert!(text.trim().is_empty(), "{text:?}: {sosl}");
        return;
    }
    let read = read_sosl(&sosl).unwrap_or_else(|error| panic!("{text:?}: {error:?}: {sosl}"));
    let spaced: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    assert_eq!(words(&read.term.unwrap_or_default()), spaced.trim(), "{sosl}");
    assert_eq!(read.texts, Vec::<String>::new(), "{sosl}");
    let harmless = fixture.soql(&[("search_term", "xx")]).expect("a search");
    let behind = |sosl: &str| sosl.rsplit_once("} IN ").map(|(_, rest)| rest.to_owned());
    assert_eq!(
        behind(&sosl),
        behind(&harmless),
        "the same objects, whatever is looked for"
    );
}

#[test]
fn hostile_texts_stay_what_they_are() {
    for text in [
        "' OR Name != '",
        "\\",
        "\\'",
        "x} RETURNING User(Id)",
        "50%_\\%",
        "\u{2028}\u{2029}",
        "a\u{0}b",
        "😀’‘＇",
        "null",
        "TODAY",
        "OR",
        "\\u0027",
        "\r\n",
    ] {
        check_filters(&FIXTURE, text, "y'");
        check_search(&FIXTURE, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_what_it_is(text in any_text(), other in any_text()) {
        check_filters(&FIXTURE, &text, &other);
        check_search(&FIXTURE, &text);
    }
}
