use super::*;

fn position(text: &str, values: &[&str]) -> Option<usize> {
    check_caller_text(text, values).err().and_then(|error| {
        assert!(matches!(error, ReadError::CallerText { .. }), "{error}");
        error.position()
    })
}

#[test]
fn values_inside_literals_pass() {
    for (text, value) in [
        ("Email = 'a@b.c'", "a@b.c"),
        ("Email = 'A@B.C'", "a@b.c"),
        ("Name LIKE '%a b%'", "a b"),
        ("Name = 'a.b' OR Email = 'a.b'", "a.b"),
        (r"Name = 'O\'Brien'", "O'Brien"),
        (r"Name = 'DOMAIN\\user'", r"DOMAIN\user"),
        (r"Name = 'ends with \\'", r"ends with \"),
        ("CreatedDate > 2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("CreatedDate > 2026-05-01T00:00:00Z", "2026-05-01"),
        ("Amount > -12.5", "-12.5"),
        ("Name = 'x'", "not there at all!"),
        ("Name = 'x'", ""),
    ] {
        assert_eq!(position(text, &[value]), None, "{text} with {value}");
    }
}

#[test]
fn values_that_reach_the_structure_are_refused_where_they_begin() {
    for (text, value, expected) in [
        ("Name = 'x' OR Name != ''", "x' OR Name != '", 9),
        ("Name = a@b.c OR Id != null", "a@b.c OR Id != null", 0),
        ("Name = 'a' OR Id != null", "' OR Id != null", 10),
        (r"Name = 'a\' AND Email = ' OR Id != ''", r"a\", 9),
        ("Name = 'x' AND Account.Name = 'x'", "account.name", 16),
        ("Name = 'x' LIMIT 5", " LIMIT 5", 11),
        ("Name = 'a b'", "b'", 11),
        ("Name = 'a b'", "'a", 8),
        ("Amount > 1.5 ", ".5 ", 11),
        ("Amount > 5 OR Id != null", "5 OR Id != null", 10),
    ] {
        match check_caller_text(text, &[value]) {
            // A text that the lexer refuses is refused as well, with the lexer's reason.
            Err(ReadError::Unexpected { .. }) if expected == 0 => {}
            Err(ReadError::CallerText { position }) => assert_eq!(position, expected, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn every_place_counts_and_every_value() {
    assert_eq!(position("Name = 'a b' AND a b", &["a b"]), Some(18));
    assert_eq!(
        position("Name = 'a b' AND Email = 'c d' ", &["a b", "c d", "' AND"]),
        Some(12)
    );
    assert_eq!(position("Name = '( (' AND ( (", &["( ("]), Some(18));
}

#[test]
fn a_backslash_of_the_caller_may_not_take_the_quote() {
    let joined = r"Name = 'x\' AND Email = ' OR Name != '' ";
    assert!(check_caller_text(joined, &[r"x\", " OR Name != '' "]).is_err());
    assert_eq!(position(r"Name LIKE 'x\%'", &[r"x\"]), Some(12));
    assert_eq!(position(r"Name = 'x\\'", &[r"x\"]), None);
    assert_eq!(position(r"Name = 'x\\\''", &[r"x\"]), None);
}

#[test]
fn plain_words_are_not_looked_for() {
    for value in ["Id", "a", "AND", "2026", "null", "N"] {
        assert_eq!(
            position(
                "Name = 'Id' AND Id != null AND LastActivityDate = 2026-01-02",
                &[value]
            ),
            None
        );
    }
}

#[test]
fn places_are_found_as_a_slow_search_finds_them() {
    let alphabet = ['a', 'b', '-'];
    let words = |length: u32| {
        (0..3_usize.pow(length)).map(move |number| {
            (0..length)
                .map(|digit| alphabet[number / 3_usize.pow(digit) % 3])
                .collect::<Vec<char>>()
        })
    };
    for text in words(7) {
        for length in 1..=3 {
            for value in words(length) {
                let slow: Vec<usize> = text
                    .windows(value.len())
                    .enumerate()
                    .filter(|(_, window)| *window == value.as_slice())
                    .map(|(start, _)| start)
                    .collect();
                assert_eq!(occurrences(&text, &value), slow, "{text:?} {value:?}");
            }
        }
    }
}

#[test]
fn long_texts_and_values_take_linear_time() {
    let value = "a ".repeat(20_000);
    let text = format!("Name = '{}'", "a ".repeat(49_000));
    let started = std::time::Instant::now();
    assert_eq!(position(&text, &[&value, "a a", " "]), Some(5));
    assert_eq!(position(&text, &[&value, "a a a"]), None);
    assert!(
        started.elapsed().as_secs() < 10,
        "quadratic: {:?}",
        started.elapsed()
    );
}

#[test]
fn a_text_longer_than_a_statement_is_refused_before_any_work() {
    let text = format!("Name = '{}'", "x".repeat(200_000));
    assert_eq!(
        check_caller_text(&text, &["a b"]),
        Err(ReadError::TooLong { characters: 200_009 })
    );
}
