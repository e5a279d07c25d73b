use serde_json::{Value, json};

use crate::org::{ApiError, Caller, Org, OrgOptions, QueryRows};

fn small() -> OrgOptions {
    OrgOptions {
        accounts: 80,
        contacts: 300,
        leads: 60,
        opportunities: 90,
        cases: 30,
        tasks: 100,
        events: 40,
        ..OrgOptions::default()
    }
}

fn org() -> (Org, Caller) {
    let org = Org::new(small());
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    (org, caller)
}

fn run(org: &Org, caller: &Caller, soql: &str) -> Result<QueryRows, ApiError> {
    org.query(caller, soql, false, "60.0")
}

fn rows(org: &Org, caller: &Caller, soql: &str) -> Vec<Value> {
    run(org, caller, soql)
        .unwrap_or_else(|error| panic!("{soql}: {error:?}"))
        .all(org)
}

fn ids(records: &[Value]) -> Vec<String> {
    records
        .iter()
        .map(|record| record["Id"].as_str().expect("an Id").to_owned())
        .collect()
}

/// Statement, code, whole message; the first five are literal in the error corpus.
const REFUSED: [(&str, &str, &str); 29] = [
    (
        "SELECT Id, FROM Account",
        "MALFORMED_QUERY",
        "\nSELECT Id, FROM Account\n           ^\nERROR at Row:1:Column:12\nunexpected token: 'FROM'",
    ),
    (
        "SELECT Id, Foo__c FROM Account",
        "INVALID_FIELD",
        "\nSELECT Id, Foo__c FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
    ),
    (
        "SELECT Id, Foo__r.Name FROM Account",
        "INVALID_FIELD",
        "\nSELECT Id, Foo__r.Name FROM Account\n           ^\nERROR at Row:1:Column:12\nDidn't understand relationship 'Foo__r' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.",
    ),
    (
        "select count() from XYZZY",
        "INVALID_TYPE",
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
    ),
    (
        "SELECT Id  FROM Account WHERE Description = 'x'",
        "INVALID_FIELD",
        "\nWHERE Description = 'x'\n      ^\nERROR at Row:1:Column:31\nfield 'Description' can not be filtered in a query call",
    ),
    (
        "SELECT Id FROM ContentDocumentLink",
        "MALFORMED_QUERY",
        "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN operator.",
    ),
    (
        "SELECT Id, id FROM Account",
        "INVALID_FIELD",
        "duplicate field selected: id",
    ),
    (
        "SELECT Id FROM Opportunity WHERE CloseDate = '2026-01-01'",
        "INVALID_FIELD",
        "value of filter criterion for field 'CloseDate' must be of type date and should not be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01T00:00:00Z",
        "INVALID_FIELD",
        "value of filter criterion for field 'CloseDate' must be of type date and should not be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > 2026-01-01",
        "INVALID_FIELD",
        "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 5",
        "INVALID_FIELD",
        "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Account WHERE Id = 'abc'",
        "INVALID_QUERY_FILTER_OPERATOR",
        "invalid ID field: abc",
    ),
    (
        "SELECT Id FROM Account WHERE Id LIKE '001%'",
        "INVALID_QUERY_FILTER_OPERATOR",
        "invalid operator on id field",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
        "MALFORMED_QUERY",
        "unexpected token: 'OR'",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN ()",
        "MALFORMED_QUERY",
        "unexpected token: ')'",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'a\\x'",
        "MALFORMED_QUERY",
        "Invalid string literal 'a\\x'. Illegal character sequence '\\x' in string literal.",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'a\\%'",
        "MALFORMED_QUERY",
        "Illegal character sequence '\\%' in string literal.",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'a",
        "MALFORMED_QUERY",
        "mismatched character '<EOF>' expecting '''",
    ),
    (
        "SELECT Id FROM Account WHERE Name = :name",
        "MALFORMED_QUERY",
        "Bind variables only allowed in Apex code",
    ),
    (
        "SELECT Id FROM Account ORDER BY Description",
        "INVALID_FIELD",
        "field 'Description' can not be sorted in a query call",
    ),
    (
        "SELECT Id FROM Account OFFSET 2001",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Maximum SOQL offset allowed is 2000",
    ),
    (
        "SELECT Id FROM Account LIMIT 5 ALL ROWS",
        "MALFORMED_QUERY",
        "ALL ROWS not allowed in this context",
    ),
    (
        "SELECT FIELDS(ALL) FROM Account",
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    (
        "SELECT FIELDS(CUSTOM) FROM Account LIMIT 201",
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    (
        "SELECT Name, COUNT(Id) FROM Account",
        "MALFORMED_QUERY",
        "Field must be grouped or aggregated: Name",
    ),
    (
        "SELECT Id, Name n FROM Account",
        "MALFORMED_QUERY",
        "only aggregate expressions use field aliasing",
    ),
    (
        "SELECT Id FROM User WHERE IsDeleted = false",
        "INVALID_FIELD",
        "No such column 'IsDeleted' on entity 'User'.",
    ),
    (
        "SELECT Id, (SELECT Id FROM Nothings) FROM Account",
        "INVALID_TYPE",
        "Didn't understand relationship 'Nothings' in FROM part of query call.",
    ),
    (
        "SELECT Id FROM Account LIMIT -1",
        "MALFORMED_QUERY",
        "unexpected token: '-1'",
    ),
];

#[test]
fn refuses_with_salesforces_words() {
    let (org, caller) = org();
    for (soql, code, message) in REFUSED {
        let error = run(&org, &caller, soql).expect_err(soql);
        assert_eq!(
            (error.status, error.code.as_str()),
            (400, code),
            "{soql}: {}",
            error.message
        );
        let fits = if message.starts_with('\n') {
            error.message == message
        } else {
            error.message.contains(message)
        };
        assert!(fits, "{soql}\n got {:?}\nwant {message:?}", error.message);
        assert_eq!(error.fields, None);
    }
}

#[test]
fn hostile_statements_are_answered() {
    let (org, caller) = org();
    let long = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(100_001));
    assert_eq!(
        run(&org, &caller, &long).expect_err("too long").code,
        "MALFORMED_QUERY"
    );
    let deep = format!(
        "SELECT Id FROM Account WHERE {}Name = 'x'{}",
        "(".repeat(5_000),
        ")".repeat(5_000)
    );
    assert_eq!(
        run(&org, &caller, &deep).expect_err("too deep").code,
        "QUERY_TOO_COMPLICATED"
    );
    let nots = format!("SELECT Id FROM Account WHERE {} Name = 'x'", "NOT ".repeat(5_000));
    assert_eq!(
        run(&org, &caller, &nots).expect_err("too deep").code,
        "QUERY_TOO_COMPLICATED"
    );
    for soql in [
        "",
        "   ",
        "SELECT",
        "'",
        "é",
        "SELECT é FROM Account",
        "SELECT Id FROM Account WHERE",
        "((((",
        "SELECT Id FROM Account WHERE Name = '\\u12'",
        "SELECT Id FROM Account WHERE Name LIKE",
        "\u{0}",
        "SELECT Id FROM Account é\n",
    ] {
        assert_eq!(
            run(&org, &caller, soql).expect_err(soql).code,
            "MALFORMED_QUERY",
            "{soql}"
        );
    }
}

/// A filter over raw rows.
type Oracle<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[test]
fn filters_agree_with_a_naive_reading_of_the_rows() {
    let (org, caller) = org();
    let raw = org.raw_records("Contact");
    let live = |record: &&Value| record["IsDeleted"] == json!(false);
    let text = |record: &Value, field: &str| record[field].as_str().map(str::to_lowercase);
    let cases: Vec<(&str, Oracle<'_>)> = vec![
        (
            "LastName = 'o\\'brien'",
            Box::new(|record| text(record, "LastName").as_deref() == Some("o'brien")),
        ),
        (
            "LastName != 'SMITH'",
            Box::new(|record| text(record, "LastName").as_deref() != Some("smith")),
        ),
        ("Email = null", Box::new(|record| record["Email"].is_null())),
        (
            "Email != null AND Phone = null",
            Box::new(|record| !record["Email"].is_null() && record["Phone"].is_null()),
        ),
        (
            "LastName LIKE '%e%' OR FirstName LIKE 'm_r%'",
            Box::new(|record| {
                let first: Vec<char> = text(record, "FirstName").unwrap_or_default().chars().collect();
                text(record, "LastName").is_some_and(|name| name.contains('e'))
                    || (first.first() == Some(&'m') && first.get(2) == Some(&'r'))
            }),
        ),
        (
            "Department IN ('sales', 'R&D')",
            Box::new(|record| matches!(text(record, "Department").as_deref(), Some("sales" | "r&d"))),
        ),
        (
            "Department NOT IN ('sales')",
            Box::new(|record| text(record, "Department").as_deref() != Some("sales")),
        ),
        (
            "Seats__c > 100",
            Box::new(|record| record["Seats__c"].as_f64().is_some_and(|seats| seats > 100.0)),
        ),
        (
            "NOT Seats__c > 100",
            Box::new(|record| record["Seats__c"].as_f64().is_none_or(|seats| seats <= 100.0)),
        ),
        (
            "Interests__c INCLUDES ('API;Mobile', 'Security')",
            Box::new(|record| {
                let chosen: Vec<&str> = record["Interests__c"]
                    .as_str()
                    .unwrap_or_default()
                    .split(';')
                    .collect();
                (chosen.contains(&"API") && chosen.contains(&"Mobile")) || chosen.contains(&"Security")
            }),
        ),
        (
            "Is_Champion__c = TRUE",
            Box::new(|record| record["Is_Champion__c"] == json!(true)),
        ),
        (
            "Birthdate < 1980-01-01",
            Box::new(|record| {
                record["Birthdate"]
                    .as_str()
                    .is_some_and(|date| date < "1980-01-01")
            }),
        ),
        (
            "SystemModstamp >= 2026-01-01T00:00:00Z",
            Box::new(|record| {
                record["SystemModstamp"]
                    .as_str()
                    .is_some_and(|at| at >= "2026-01-01")
            }),
        ),
        (
            "(AccountId = null) AND (Email != null OR Phone != null)",
            Box::new(|record| {
                record["AccountId"].is_null() && (!record["Email"].is_null() || !record["Phone"].is_null())
            }),
        ),
    ];
    for (filter, oracle) in cases {
        let want: Vec<String> = ids(&raw
            .iter()
            .filter(live)
            .filter(|record| oracle(record))
            .cloned()
            .collect::<Vec<_>>());
        let got = ids(&rows(
            &org,
            &caller,
            &format!("SELECT Id FROM Contact WHERE {filter} ORDER BY Id"),
        ));
        assert_eq!(got, want, "{filter}");
        assert!(
            !want.is_empty() && want.len() < raw.len(),
            "{filter} tells nothing apart"
        );
    }
}

#[test]
fn keyset_pages_walk_every_row_once() {
    let (org, caller) = org();
    let want = rows(
        &org,
        &caller,
        "SELECT Id, SystemModstamp FROM Contact ORDER BY SystemModstamp, Id",
    );
    let mut walked: Vec<String> = Vec::new();
    let mut filter = String::new();
    loop {
        let soql =
            format!("SELECT Id, SystemModstamp FROM Contact {filter} ORDER BY SystemModstamp, Id LIMIT 7");
        let page = rows(&org, &caller, &soql);
        let Some(last) = page.last() else { break };
        let at = last["SystemModstamp"]
            .as_str()
            .expect("a stamp")
            .replace("+0000", "Z");
        let id = last["Id"].as_str().expect("an id");
        filter = format!("WHERE (SystemModstamp > {at}) OR (SystemModstamp = {at} AND Id > '{id}')");
        walked.extend(ids(&page));
    }
    assert_eq!(walked, ids(&want));
    let stamps: std::collections::HashSet<&str> = want
        .iter()
        .filter_map(|row| row["SystemModstamp"].as_str())
        .collect();
    assert!(
        stamps.len() * 4 < want.len() * 3,
        "blocks of equal stamps are seeded"
    );
    let mut by_id = Vec::new();
    let mut last = String::new();
    loop {
        let filter = if last.is_empty() {
            String::new()
        } else {
            format!("WHERE Id > '{last}'")
        };
        let page = ids(&rows(
            &org,
            &caller,
            &format!("SELECT Id FROM Contact {filter} ORDER BY Id LIMIT 11"),
        ));
        let Some(end) = page.last() else { break };
        last.clone_from(end);
        by_id.extend(page);
    }
    assert_eq!(by_id.len(), want.len());
}

#[test]
fn shapes_parents_children_and_polymorphic_references() {
    let (org, caller) = org();
    let contacts = rows(
        &org,
        &caller,
        "select id, c.account.owner.name, Account.Name from contact c where AccountId != null limit 3",
    );
    let first = &contacts[0];
    assert_eq!(first["attributes"]["type"], "Contact");
    let url = format!(
        "/services/data/v60.0/sobjects/Contact/{}",
        first["Id"].as_str().expect("id")
    );
    assert_eq!(first["attributes"]["url"], json!(url));
    assert_eq!(first["Account"]["attributes"]["type"], "Account");
    assert!(first["Account"]["Owner"]["Name"].is_string() && first["Account"]["Name"].is_string());
    let keys: Vec<&String> = first.as_object().expect("object").keys().collect();
    assert_eq!(keys, ["attributes", "Id", "Account"]);
    let orphan = &rows(
        &org,
        &caller,
        "SELECT Id, Account.Name FROM Contact WHERE AccountId = null LIMIT 1",
    )[0];
    assert_eq!(orphan["Account"], Value::Null);

    let accounts = rows(
        &org,
        &caller,
        "SELECT Id, (SELECT Id, LastName FROM Contacts ORDER BY LastName DESC LIMIT 2) FROM Account",
    );
    for account in &accounts {
        let id = account["Id"].as_str().expect("id");
        let own = rows(
            &org,
            &caller,
            &format!("SELECT Id FROM Contact WHERE AccountId = '{id}' ORDER BY LastName DESC LIMIT 2"),
        );
        match &account["Contacts"] {
            Value::Null => assert!(own.is_empty()),
            list => {
                assert_eq!(ids(list["records"].as_array().expect("records")), ids(&own));
                assert_eq!(list["done"], json!(true));
            }
        }
    }
    let tasks = rows(&org, &caller, "SELECT Id, Who.Name, Who.Type, What.Type, TYPEOF What WHEN Account THEN Industry, Owner.Email WHEN Opportunity THEN StageName ELSE Name END FROM Task WHERE What.Type = 'Opportunity' AND WhoId != null LIMIT 1").pop();
    // What is selected twice here: as a path and as TYPEOF; Salesforce keeps one key.
    let task = tasks.expect("a task about an opportunity");
    assert_eq!(task["Who"]["attributes"]["type"], "Name");
    assert!(task["Who"]["Name"].is_string());
    assert!(task["What"]["StageName"].is_string());
    assert_eq!(
        rows(
            &org,
            &caller,
            "SELECT Id, Profile.Name FROM User WHERE UserType = 'AutomatedProcess'"
        )[0]["Profile"],
        Value::Null
    );
    let queued = rows(
        &org,
        &caller,
        "SELECT Owner.Name, Owner.Type FROM Lead WHERE Owner.Type = 'Group' LIMIT 1",
    );
    assert_eq!(queued[0]["Owner"]["Type"], "Group");
}

#[test]
fn aggregates_count_sum_and_group() {
    let (org, caller) = org();
    let counted = run(&org, &caller, "SELECT COUNT() FROM Contact").expect("count");
    assert!(counted.is_count && counted.all(&org).is_empty());
    assert_eq!(counted.total, org.record_count("Contact"));
    let raw: Vec<Value> = org
        .raw_records("Opportunity")
        .into_iter()
        .filter(|row| row["IsDeleted"] == json!(false))
        .collect();
    let total: f64 = raw.iter().filter_map(|row| row["Amount"].as_f64()).sum();
    let sums = rows(
        &org,
        &caller,
        "SELECT COUNT(Id), SUM(Amount) total, MAX(CloseDate), COUNT_DISTINCT(StageName) FROM Opportunity",
    );
    assert_eq!(sums[0]["attributes"], json!({"type": "AggregateResult"}));
    assert_eq!(sums[0]["expr0"], json!(raw.len()));
    assert!((sums[0]["total"].as_f64().expect("sum") - total).abs() < 0.01);
    assert_eq!(
        sums[0]["expr1"].as_str(),
        raw.iter().filter_map(|row| row["CloseDate"].as_str()).max()
    );
    let groups = rows(
        &org,
        &caller,
        "SELECT StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC",
    );
    let ordered: Vec<i64> = groups.iter().filter_map(|group| group["n"].as_i64()).collect();
    assert!(ordered.is_sorted_by(|left, right| left >= right) && ordered.iter().all(|count| *count > 1));
    for group in &groups {
        let stage = &group["StageName"];
        assert_eq!(
            group["n"],
            json!(raw.iter().filter(|row| row["StageName"] == *stage).count())
        );
    }
    assert_eq!(
        rows(
            &org,
            &caller,
            "SELECT COUNT(Id) FROM Account WHERE Name = 'nobody'"
        )[0]["expr0"],
        json!(0)
    );
}

#[test]
fn semi_joins_scopes_literals_and_functions_answer() {
    let (org, caller) = org();
    let with = rows(
        &org,
        &caller,
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
    )
    .len();
    let without = rows(
        &org,
        &caller,
        "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Contact)",
    )
    .len();
    assert_eq!(with + without, org.record_count("Account"));
    assert!(with > 0);
    for soql in [
        "SELECT Id FROM Opportunity WHERE CloseDate = THIS_YEAR AND CreatedDate = LAST_N_DAYS:900",
        "SELECT Id, toLabel(StageName), FORMAT(Amount) money FROM Opportunity WHERE Amount > 5 LIMIT 1",
        "SELECT FIELDS(STANDARD) FROM Account",
        "SELECT FIELDS(ALL) FROM Contact LIMIT 200",
        "SELECT Id FROM Lead USING SCOPE everything WHERE (NOT Name LIKE 'a%') LIMIT 10 FOR VIEW",
        "SELECT Id FROM Account WHERE NumberOfEmployees >= 1e3 ORDER BY Name DESC NULLS LAST, Id LIMIT 5 OFFSET 5",
        "SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId IN (SELECT Id FROM Account)",
    ] {
        assert!(
            run(&org, &caller, soql)
                .unwrap_or_else(|error| panic!("{soql}: {error:?}"))
                .total
                > 0,
            "{soql}"
        );
    }
    assert_eq!(
        rows(&org, &caller, "SELECT Id FROM Account USING SCOPE mine").len(),
        0
    );
    let money = &rows(
        &org,
        &caller,
        "SELECT FORMAT(Amount) money, Amount FROM Opportunity WHERE Amount > 1000 LIMIT 1",
    )[0];
    assert!(
        money["money"]
            .as_str()
            .is_some_and(|text| text.starts_with('$') && text.contains(','))
    );
    assert!(
        run(&org, &caller, "SELECT Id FROM Opportunity WHERE Amount > USD5000").is_err(),
        "one currency only"
    );
    let wide = Org::new(OrgOptions {
        multi_currency: true,
        ..small()
    });
    assert!(
        wide.query(
            &caller,
            "SELECT Id, CurrencyIsoCode FROM Opportunity WHERE Amount > USD5000.50",
            false,
            "60.0"
        )
        .is_ok()
    );
}

#[test]
fn hidden_fields_do_not_exist_and_deleted_rows_need_query_all() {
    let (org, caller) = org();
    org.hide_field("Contact", "Email", Some(&caller.user_id))
        .expect("hides");
    for soql in [
        "SELECT Email FROM Contact",
        "SELECT Id FROM Contact WHERE Email = null",
        "SELECT Id FROM Contact ORDER BY Email",
        "SELECT Contact.Email FROM Case",
    ] {
        assert!(
            run(&org, &caller, soql)
                .expect_err(soql)
                .message
                .contains("No such column 'Email' on entity 'Contact'")
        );
    }
    let other = org
        .user_by_username("integration@crosswalk.example")
        .expect("seeded");
    let other = Caller {
        user_id: other["Id"].as_str().expect("id").to_owned(),
    };
    assert!(run(&org, &other, "SELECT Email FROM Contact").is_ok());
    org.show_field("Contact", "Email", Some(&caller.user_id))
        .expect("shows");
    assert!(run(&org, &caller, "SELECT Email FROM Contact").is_ok());
    let all = org
        .query(
            &caller,
            "SELECT Id FROM Contact WHERE IsDeleted = TRUE",
            true,
            "60.0",
        )
        .expect("queryAll");
    assert!(all.total > 0);
    assert_eq!(
        run(&org, &caller, "SELECT Id FROM Contact WHERE IsDeleted = TRUE")
            .expect("query")
            .total,
        0
    );
}

#[test]
fn paging_shapes_only_the_window() {
    let (org, caller) = org();
    let found = run(
        &org,
        &caller,
        "SELECT Id, Description, Notes_Long__c, Name FROM Contact ORDER BY Name",
    )
    .expect("query");
    assert_eq!((found.selected_fields, found.selected_long_text_fields), (4, 2));
    let mut paged = found.page(&org, 0, 200);
    paged.extend(found.page(&org, 200, 200));
    assert_eq!(paged, found.all(&org));
    assert!(found.page(&org, usize::MAX, usize::MAX).is_empty());
    let names: Vec<String> = paged
        .iter()
        .map(|row| row["Name"].as_str().unwrap_or_default().to_lowercase())
        .collect();
    assert!(names.is_sorted());
}

#[test]
fn mutilated_statements_never_panic() {
    let org = Org::new(OrgOptions {
        accounts: 5,
        contacts: 9,
        leads: 3,
        opportunities: 5,
        cases: 2,
        tasks: 5,
        events: 2,
        ..OrgOptions::default()
    });
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    let statements = [
        "SELECT Id, Account.Owner.Name, (SELECT Id FROM Cases LIMIT 1) FROM Contact c WHERE c.LastName LIKE 'a\\%%' ORDER BY Id",
        "SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task WHERE ActivityDate = LAST_N_DAYS:9 OR (NOT IsClosed = true)",
        "SELECT StageName s, COUNT(Id) n FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC LIMIT 5 OFFSET 1",
        "SELECT FIELDS(ALL) FROM Lead WHERE CreatedDate > 2026-05-01T07:25:37+02:00 AND Interests__c INCLUDES ('API;Mobile') LIMIT 5",
    ];
    let noise = [
        "'",
        "\\",
        "(",
        ")",
        ",",
        "é",
        "🦀",
        ".",
        "-",
        "1e",
        "\n",
        " OR ",
        "NULL",
        "",
        "",
        ":",
        "2026-13-40",
        "USD5.",
    ];
    let mut number = 12_345_usize;
    let mut next = |bound: usize| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % bound
    };
    let mut answered = 0;
    for round in 0..3_000 {
        let mut letters: Vec<char> = statements[round % statements.len()].chars().collect();
        for _ in 0..=next(3) {
            let from = next(letters.len());
            let to = (from + next(6)).min(letters.len());
            letters.splice(from..to, noise[next(noise.len())].chars());
        }
        let soql: String = letters.into_iter().collect();
        answered +=
            usize::from(run(&org, &caller, &soql).is_ok_and(|found| found.all(&org).len() <= found.total));
        let sosl = format!("FIND {{{soql}}} RETURNING Contact({soql})");
        let refused = org
            .search(&caller, &sosl, "60.0")
            .expect_err("a statement is no field list");
        assert!(!refused.code.is_empty() && refused.status == 400);
    }
    assert!(
        answered > 40,
        "some mutations must still be valid statements: {answered}"
    );
}
