use crate::*;

fn field(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn rewritten(condition: &str) -> String {
    let filter = Some(parse_condition(condition).unwrap_or_else(|error| panic!("{condition}: {error}")));
    let from = Identifier::parse("X").unwrap();
    let select = vec![SelectItem::Field(field("Id"))];
    let text = Query {
        select,
        from,
        filter,
        order_by: Vec::new(),
        limit: None,
        offset: None,
    }
    .to_soql()
    .unwrap();
    text.strip_prefix("SELECT Id FROM X WHERE ").unwrap().to_owned()
}

#[test]
fn conditions_are_read_and_written_in_one_form() {
    for (text, expected) in [
        ("Email = 'a@b.c'", "Email = 'a@b.c'"),
        (" where\n\tEmail='a' ", "Email = 'a'"),
        (
            "WHERE a <> 1 and b>=2.50 AND c<-3",
            "a != 1 AND b >= 2.50 AND c < -3",
        ),
        ("a = +1", "a = 1"),
        ("a = 99999999999999999999", "a = 99999999999999999999"),
        ("(a = 1)", "a = 1"),
        ("((a = 1) OR ((b = 2)))", "a = 1 OR b = 2"),
        ("a = 1 AND (b = 2 OR c = 3)", "a = 1 AND (b = 2 OR c = 3)"),
        ("a = 1 AND (b = 2 AND c = 3)", "a = 1 AND (b = 2 AND c = 3)"),
        ("NOT a = 1", "(NOT a = 1)"),
        (
            "(NOT(Name LIKE 'a%')) AND NOT b = NULL",
            "(NOT Name LIKE 'a%') AND (NOT b = null)",
        ),
        ("NOT (a = 1 OR b = 2)", "(NOT (a = 1 OR b = 2))"),
        ("Id in ('a' , 'b')", "Id IN ('a', 'b')"),
        ("Id NOT IN (null, true, 5)", "Id NOT IN (null, TRUE, 5)"),
        ("m INCLUDES ('A;B','C')", "m INCLUDES ('A;B', 'C')"),
        ("m excludes ('')", "m EXCLUDES ('')"),
        ("d = today OR d > last_n_days:7", "d = TODAY OR d > LAST_N_DAYS:7"),
        ("d = N_FISCAL_QUARTERS_AGO : 2", "d = N_FISCAL_QUARTERS_AGO:2"),
        ("d < 2026-05-01", "d < 2026-05-01"),
        ("d < 2026-05-01T07:25:37+02:00", "d < 2026-05-01T07:25:37+02:00"),
        (
            "d < 2026-05-01T07:25:37.000+0000",
            "d < 2026-05-01T07:25:37.000+00:00",
        ),
        (r"Name = '\'\\\n\R\t\B\f\x'", ""),
        (r#"Name = '\'\\\n\R\t\B\f\"'"#, r#"Name = '\'\\\n\r\t\b\f"'"#),
        (r"Name = '\u0041\uD83D\uDE00\u0000'", r"Name = 'A😀\u0000'"),
        ("Name = 'a\nb\0’“'", r"Name = 'a\nb\u0000’“'"),
        ("Name = '50%_'", "Name = '50%_'"),
        (r"Name LIKE '\%%\__'", r"Name LIKE '\%%\__'"),
        (
            "AccountId IN (SELECT Id FROM Account WHERE Name = 'x' AND Id != null)",
            "AccountId IN (SELECT Id FROM Account WHERE Name = 'x' AND Id != null)",
        ),
        (
            "Id NOT IN (select ContactId from Case)",
            "Id NOT IN (SELECT ContactId FROM Case)",
        ),
        ("Account.Owner.Name = 'x'", "Account.Owner.Name = 'x'"),
    ] {
        if expected.is_empty() {
            assert!(
                matches!(parse_condition(text), Err(ReadError::Escape { .. })),
                "{text}"
            );
        } else {
            assert_eq!(rewritten(text), expected, "{text}");
        }
    }
}

#[test]
fn every_date_literal_is_read() {
    for literal in DateLiteral::all(3) {
        let Condition::Compare { value, .. } = parse_condition(&format!("d = {literal}")).unwrap() else {
            panic!("{literal}");
        };
        assert_eq!(value, Literal::DateLiteral(literal));
    }
}

#[test]
fn texts_that_are_not_one_condition_are_refused_at_their_position() {
    for (text, position, part) in [
        ("", 1, "the end of the text"),
        ("WHERE", 6, "expected a condition"),
        ("a", 2, "one of = !="),
        ("a =", 4, "expected a value"),
        ("a = b", 5, "found a name, expected a value"),
        ("a = 'x' ORDER BY b", 9, "the word ORDER"),
        ("a = 'x' LIMIT 5", 9, "the word LIMIT"),
        ("a = 'x' FOR UPDATE", 9, "the word FOR"),
        ("a = 'x'; DELETE", 8, "one statement"),
        ("a = 'x' 'y'", 9, "a text in quotes"),
        ("a = 'x')", 8, "found `)`"),
        ("(a = 'x'", 9, "`)`"),
        ("a = 1 AND b = 2 OR c = 3", 17, "parentheses"),
        ("a = 1 OR b = 2 AND c = 3", 16, "parentheses"),
        ("a = 'x", 5, "closing '"),
        ("a = \"x\"", 5, "single quotes"),
        ("a = ’x’", 5, "single quotes"),
        ("é = 1", 1, "a name"),
        ("ab = '’' AND é", 14, "a name"),
        ("a = 'x\\y'", 7, "no such escape"),
        ("a = '\\%'", 6, "after LIKE"),
        ("a = '\\uD83D'", 6, "no such escape"),
        ("a = '\\u12'", 6, "no such escape"),
        ("a = 1e5", 5, "not a number"),
        ("a = 2026-02-30", 5, "not a date"),
        ("a = 2026-05-01T07:25:37", 5, "not a datetime"),
        ("a = USD5000", 5, "expected a value"),
        ("a = LAST_N_DAYS", 16, "LAST_N_DAYS:7"),
        ("a = LAST_N_DAYS:-1", 17, "a count"),
        ("a = LAST_N_DAYS:99999999999", 17, "a count"),
        ("a = :bind", 5, "found `:`"),
        ("a IN ()", 7, "expected a value"),
        ("a IN ('x',)", 11, "expected a value"),
        ("a IN 'x'", 6, "`(`"),
        ("a NOT = 1", 3, "one of = !="),
        ("a NOT LIKE 'x'", 3, "NOT in front of the field"),
        ("a LIKE 5", 8, "single quotes"),
        ("a INCLUDES (5)", 13, "single quotes"),
        ("a IN (SELECT Id FROM B ORDER BY Id)", 24, "WHERE or `)`"),
        ("a IN (SELECT Id, Name FROM B)", 16, "expected FROM"),
        ("CALENDAR_YEAR(a) = 1", 14, "found `(`"),
        ("a. = 1", 1, "a name is empty"),
        ("a.b.c.d.e.f.g = 1", 1, "7 names"),
        ("null = 1", 1, "word of the query language"),
        ("-- = 1", 1, "found `-`"),
        ("a = 1 /* x */", 7, "found `/`"),
        ("\0a = 1", 1, "`\\0`"),
        ("\u{a0}a = 1", 1, "a name"),
    ] {
        let error = parse_condition(text).expect_err(text);
        assert_eq!(error.position(), Some(position), "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn nesting_has_a_limit_and_no_stack_overflow() {
    let nested = |open: &str, close: &str, levels| {
        parse_condition(&format!("{}a = 1{}", open.repeat(levels), close.repeat(levels)))
    };
    assert!(nested("(", ")", 80).is_ok());
    assert_eq!(nested("(", ")", 81).unwrap_err().position(), Some(82));
    for (open, close) in [
        ("(", ")"),
        ("NOT ", ""),
        ("(NOT ", ")"),
        ("x IN (SELECT y FROM z WHERE ", ")"),
    ] {
        let levels = 90_000 / (open.len() + close.len());
        assert!(
            matches!(nested(open, close, levels), Err(ReadError::TooDeep { .. })),
            "{open}"
        );
    }
    let children = format!("SELECT {}", "(SELECT ".repeat(10_000));
    assert!(matches!(parse_query(&children), Err(ReadError::TooDeep { .. })));
}

#[test]
fn long_texts_take_linear_time_and_longer_ones_are_refused() {
    let started = std::time::Instant::now();
    for text in [
        format!("a = '{}'", "x'".replace('\'', "\\'").repeat(33_000)),
        format!("a = '{}", "\\\\".repeat(49_000)),
        format!("a IN ({}'z')", "'y',".repeat(24_000)),
        format!("a = 1{}", " OR b = 2".repeat(11_000)),
        "a.".repeat(49_000),
        "1".repeat(99_000),
        "(".repeat(99_000),
        "'".repeat(99_000),
    ] {
        let _ = parse_condition(&text);
        let _ = parse_search(&format!("FIND {{{text}"), Some(&text[..text.len() / 2]));
    }
    assert!(
        started.elapsed().as_secs() < 20,
        "quadratic: {:?}",
        started.elapsed()
    );
    let long = format!("a = '{}'", "é".repeat(100_000));
    assert_eq!(
        parse_condition(&long),
        Err(ReadError::TooLong { characters: 100_006 })
    );
}

#[test]
fn orders() {
    let read = |text: &str| parse_order_by(text);
    let both = vec![
        Order {
            field: field("SystemModstamp"),
            direction: Direction::Descending,
            nulls: Nulls::Last,
        },
        Order::ascending(field("Account.Name")),
    ];
    assert_eq!(
        read("SystemModstamp DESC NULLS LAST, Account.Name"),
        Ok(both.clone())
    );
    assert_eq!(
        read(" order by SystemModstamp desc nulls last,Account.Name ASC NULLS FIRST"),
        Ok(both)
    );
    assert_eq!(read("Order DESC"), Ok(vec![Order::descending(field("Order"))]));
    for (text, position, part) in [
        ("", 1, "a field to order by"),
        ("ORDER BY", 9, "a field to order by"),
        ("a,", 3, "a field to order by"),
        ("a DOWN", 3, "ASC, DESC"),
        ("a LAST", 3, "ASC, DESC"),
        ("a NULLS", 8, "FIRST or LAST"),
        ("a LIMIT 5", 3, "the word LIMIT"),
        ("a; b", 2, "semicolon"),
        ("'a'", 1, "a text in quotes"),
        ("COUNT(Id)", 6, "found `(`"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.position(), Some(position), "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn queries_are_read_and_written_in_one_form() {
    for (text, expected) in [
        ("select Id,Name from Contact", "SELECT Id, Name FROM Contact"),
        ("SELECT count() FROM Order", "SELECT COUNT() FROM Order"),
        (
            "SELECT COUNT(Id) total, tolabel(Status), (SELECT Id FROM Cases ORDER BY Id LIMIT 1), Id, ID FROM Contact \
             WHERE Name = 'x' ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 20",
            "SELECT COUNT(Id) total, toLabel(Status), (SELECT Id FROM Cases ORDER BY Id LIMIT 1), Id FROM Contact \
             WHERE Name = 'x' ORDER BY Name DESC NULLS LAST LIMIT 10 OFFSET 20",
        ),
        (
            "SELECT Id FROM Group ORDER BY Order",
            "SELECT Id FROM Group ORDER BY Order",
        ),
    ] {
        assert_eq!(parse_query(text).unwrap().to_soql().unwrap(), expected);
    }
    for (text, position) in [
        ("", 1),
        ("SELECT FROM Contact", 8),
        ("SELECT * FROM Contact", 8),
        ("SELECT Id, FROM Contact", 12),
        ("SELECT Id Contact", 11),
        ("SELECT Id FROM Contact c", 24),
        ("SELECT Id FROM Contact, Lead", 23),
        ("SELECT Id FROM 'Contact'", 16),
        ("SELECT Id FROM A.B", 16),
        ("SELECT FIELDS(ALL) FROM Contact", 8),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Task", 8),
        ("SELECT Id FROM Contact GROUP BY Id", 24),
        ("SELECT Id FROM Contact LIMIT 5 WHERE Id = null", 32),
        ("SELECT Id FROM Contact LIMIT -5", 30),
        ("SELECT Id FROM Contact LIMIT 5.0", 30),
        ("SELECT Id FROM Contact LIMIT 5 SELECT Id FROM User", 32),
        ("SELECT Id FROM Contact ALL ROWS", 24),
        ("SELECT (SELECT Id FROM Cases FROM Contact", 30),
        ("SELECT FORMAT(MIN(Amount)) FROM Deal", 18),
    ] {
        assert_eq!(
            parse_query(text).expect_err(text).position(),
            Some(position),
            "{text}"
        );
    }
}

const TAIL: &str = " RETURNING Contact(Id, FirstName, LastName, Email)";

#[test]
fn the_callers_term_stays_a_term() {
    for term in [
        "acme",
        "x} RETURNING User(Id)",
        "}",
        "}}",
        "\\",
        "a\\",
        "\\}",
        "\"",
        "'",
        "{",
        "x} IN NAME FIELDS RETURNING User(Id",
        "a AND b",
        "’",
        "😀",
        "a\0b",
        "\n",
        "FIND {x}",
        "",
        " ",
        "RETURNING",
        "Contact",
        "Id",
    ] {
        let read = parse_search(&format!("FIND {{{term}}}{TAIL}"), Some(term))
            .unwrap_or_else(|e| panic!("{term:?}: {e}"));
        assert_eq!(read.term, term);
        assert_eq!(read.returning.len(), 1);
        assert_eq!(read.returning[0].object.as_str(), "Contact");
    }
    // Strict, not clever: what also stands in the text outside the term is refused.
    for term in [TAIL, "Id, FirstName", " returning"] {
        let error = parse_search(&format!("FIND {{{term}}}{TAIL}"), Some(term)).expect_err(term);
        assert!(matches!(error, ReadError::CallerText { .. }), "{term}: {error}");
    }
}

#[test]
fn a_term_that_the_mapping_changed_cannot_leave_its_braces_unnoticed() {
    let term = "x} RETURNING User(Id)";
    for text in [
        format!("FIND {{*{term}*}}{TAIL}"),
        format!("FIND {{\"{term}\"}}{TAIL}"),
        format!("FIND {{{} }}{TAIL}", term.to_lowercase()),
        format!("FIND {{a}}{TAIL} {term}"),
        format!(
            "FIND {{a}} RETURNING Contact(Id WHERE Name = '{}' OR Name = 'x')",
            "a' OR Name != 'b"
        ),
    ] {
        let callers = if text.contains("OR Name") {
            "a' OR Name != 'b"
        } else {
            term
        };
        let error = parse_search(&text, Some(callers)).expect_err(&text);
        assert!(matches!(error, ReadError::CallerText { .. }), "{text}: {error}");
    }
    // The same attack with a term that was changed beyond finding still has to be a search and nothing after it.
    let cut = format!("FIND {{x}} RETURNING User(Id)*}}{TAIL}");
    assert_eq!(parse_search(&cut, None).unwrap_err().position(), Some(28));
    let backslash = format!("FIND {{pre a\\}}{TAIL} x}}{TAIL}");
    assert!(matches!(
        parse_search(&backslash, Some("a\\")),
        Err(ReadError::CallerText { .. })
    ));
}

#[test]
fn terms_that_are_escaped_already_are_unescaped() {
    for (text, expected) in [
        (r"FIND {a\+b@x\-y\}} RETURNING Contact", "a+b@x-y}"),
        (
            r#"find {"Acme Corp" "AND" \"} IN ALL FIELDS RETURNING Contact(Id)"#,
            "Acme Corp AND \"",
        ),
        (r" FIND{a\\} RETURNING Contact(Id)", r"a\"),
        ("FIND {*Acme*} RETURNING Contact(Id)", "*Acme*"),
    ] {
        assert_eq!(parse_search(text, None).unwrap().term, expected, "{text}");
    }
    let search = parse_search(r"FIND {a\-b} RETURNING Contact(Id)", Some("a-b")).unwrap();
    assert_eq!(
        search.to_sosl().unwrap(),
        r"FIND {a\-b} IN ALL FIELDS RETURNING Contact(Id)"
    );
}

#[test]
fn whole_searches() {
    let text = "FIND {acme} IN sidebar FIELDS RETURNING Contact(Id, Name WHERE Email LIKE '%}%' ORDER BY Name LIMIT 5 \
                OFFSET 2), Lead LIMIT 7";
    assert_eq!(
        parse_search(text, Some("acme")).unwrap().to_sosl().unwrap(),
        "FIND {acme} IN SIDEBAR FIELDS RETURNING Contact(Id, Name WHERE Email LIKE '%}%' ORDER BY Name LIMIT 5 \
         OFFSET 2), Lead(Id) LIMIT 7"
    );
    for (text, position) in [
        ("", 1),
        ("FIND", 5),
        ("FIND 'x'", 6),
        ("SELECT Id FROM X", 1),
        ("FIND {x", 6),
        ("FIND {x\\}", 6),
        ("FIND {x}", 9),
        ("FIND {x} RETURNING", 19),
        ("FIND {x} IN SOME FIELDS RETURNING Contact", 13),
        ("FIND {x} RETURNING Contact()", 28),
        ("FIND {x} RETURNING Contact(Id) WITH DIVISION = 'a'", 32),
        ("FIND {x} RETURNING Contact(Id) }", 32),
        ("FIND {x} RETURNING Contact(Id) LIMIT 5 LIMIT 6", 40),
        ("FIND {x} RETURNING Contact(Id USING ListView=a)", 31),
    ] {
        assert_eq!(
            parse_search(text, None).expect_err(text).position(),
            Some(position),
            "{text}"
        );
    }
}

#[test]
fn errors_never_repeat_a_value() {
    for text in [
        "a = secret",
        "a = 'secret",
        "a = 'secret' 'secret'",
        "a = 5secret",
        "secret secret",
        "a = 'secret\\x'",
    ] {
        let error = parse_condition(text).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    let error = check_caller_text("a = 'x' OR b = 'secret'", &["x' OR b = 'secret"]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
}
