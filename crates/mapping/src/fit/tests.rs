use serde_json::{Value, json};

use super::Fitter;
use crate::Catalog;
use crate::schema::{SchemaField, Shape};
use crate::tree::{Fields, Tree};

fn field(name: &str, shape: Shape) -> SchemaField {
    SchemaField {
        name: name.to_owned(),
        shape,
        read_only: false,
        on_request: false,
        values: Vec::new(),
    }
}

fn fit(record: &Value, fields: &[SchemaField], wanted: Option<&[String]>) -> (Value, Vec<String>) {
    let Tree::Object(record) = Tree::from(record) else {
        panic!("an object")
    };
    let mut fitter = Fitter::default();
    let fitted = fitter.record(record, fields, &|name| name == "known", wanted);
    (fitted.into(), fitter.into_warnings())
}

fn one(shape: Shape, value: impl Into<Value>) -> (Value, usize) {
    let value: Value = value.into();
    let (fitted, warnings) = fit(&json!({ "x": value }), &[field("x", shape)], None);
    (fitted["x"].clone(), warnings.len())
}

#[test]
fn instants_become_utc_with_milliseconds() {
    for (given, wanted) in [
        ("2026-05-01T07:25:37.000+0000", "2026-05-01T07:25:37.000Z"),
        ("2026-05-01T07:25:37.123Z", "2026-05-01T07:25:37.123Z"),
        ("2026-05-01T07:25:37Z", "2026-05-01T07:25:37.000Z"),
        ("2026-05-01T09:25:37+02:00", "2026-05-01T07:25:37.000Z"),
        ("2026-05-01T09:25:37.500+0200", "2026-05-01T07:25:37.500Z"),
        ("2026-05-01T02:25:37.123456-0500", "2026-05-01T07:25:37.123Z"),
        ("2026-05-01 07:25:37", "2026-05-01T07:25:37.000Z"),
        ("2026-05-01", "2026-05-01T00:00:00.000Z"),
    ] {
        assert_eq!(one(Shape::DateTime, json!(given)), (json!(wanted), 0), "{given}");
    }
    assert_eq!(
        one(Shape::DateTime, json!(1_777_620_337)),
        (json!("2026-05-01T07:25:37.000Z"), 0)
    );
    assert_eq!(
        one(Shape::DateTime, json!(1_777_620_337_000_i64)),
        (json!("2026-05-01T07:25:37.000Z"), 0)
    );
    for wrong in [
        json!("soon"),
        json!("2026-13-01T00:00:00Z"),
        json!("2026-05-01T07:25:37.000é000"),
        json!(true),
        json!(1e300),
        json!(["x"]),
    ] {
        assert_eq!(one(Shape::DateTime, wrong.clone()), (Value::Null, 1), "{wrong}");
    }
    assert_eq!(one(Shape::DateTime, json!("")), (Value::Null, 0));
}

#[test]
fn scalars_are_coerced_when_nothing_is_lost() {
    for (shape, given, wanted) in [
        (Shape::Text, json!(5), json!("5")),
        (Shape::Text, json!(false), json!("false")),
        (Shape::Text, json!(""), json!("")),
        (Shape::Integer, json!(12.0), json!(12)),
        (Shape::Integer, json!("12"), json!(12)),
        (Shape::Integer, json!(0), json!(0)),
        (Shape::Number, json!("1.5"), json!(1.5)),
        (Shape::Number, json!(0), json!(0)),
        (Shape::Boolean, json!(false), json!(false)),
        (Shape::Boolean, json!("true"), json!(true)),
        (Shape::Boolean, json!(0), json!(false)),
        (Shape::Date, json!("2026-03-08"), json!("2026-03-08")),
        (
            Shape::Date,
            json!("2026-03-08T23:00:00.000-0500"),
            json!("2026-03-09"),
        ),
        (Shape::Any, json!({"a": [1]}), json!({"a": [1]})),
    ] {
        assert_eq!(
            one(shape.clone(), given.clone()),
            (wanted, 0),
            "{shape:?} {given}"
        );
    }
    for (shape, given) in [
        (Shape::Integer, json!(12.5)),
        (Shape::Integer, json!("many")),
        (Shape::Number, json!("NaN")),
        (Shape::Boolean, json!("yes")),
        (Shape::Boolean, json!(2)),
        (Shape::Date, json!("tomorrow")),
        (Shape::Text, json!({"a": 1})),
        (Shape::Text, json!([1])),
    ] {
        assert_eq!(
            one(shape.clone(), given.clone()),
            (Value::Null, 1),
            "{shape:?} {given}"
        );
    }
}

#[test]
fn every_field_is_there_those_of_the_mapping_first() {
    let fields = [
        field("b", Shape::Text),
        field("list", Shape::List(Box::new(Shape::Text))),
        field("open", Shape::OpenObject),
        SchemaField {
            on_request: true,
            ..field("raw", Shape::Any)
        },
        field("a", Shape::Text),
    ];
    let (fitted, warnings) = fit(&json!({"a": "1", "extra": 1, "known": 2}), &fields, None);
    let text = serde_json::to_string(&fitted).unwrap();
    assert!(
        text.starts_with(r#"{"a":"1","extra":1,"known":2,"b":null,"list":[],"open":{}"#),
        "{text}"
    );
    assert_eq!((&fitted["extra"], &fitted["known"]), (&json!(1), &json!(2)));
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("`extra`"));
    let wanted = ["a".to_owned(), "extra".to_owned()];
    assert_eq!(
        fit(&json!({"a": "1", "extra": 1}), &fields, Some(&wanted)).0,
        json!({"a": "1", "extra": 1})
    );
}

#[test]
fn one_value_becomes_a_list_and_empty_items_go() {
    let phone = Shape::Object(vec![
        field("number", Shape::Text),
        field("type", Shape::Text),
        field("is_primary", Shape::Boolean),
    ]);
    let list = Shape::List(Box::new(phone.clone()));
    let whole = json!({"number": "1", "type": "work", "is_primary": null});
    for given in [
        json!({"number": "1", "type": "work"}),
        json!([{"number": "1", "type": "work"}, {"number": null, "type": "fax"}, {"type": "home"}, null]),
    ] {
        assert_eq!(one(list.clone(), given), (json!([whole]), 0));
    }
    assert_eq!(one(list.clone(), Value::Null), (json!([]), 0));
    assert_eq!(
        one(list.clone(), json!("555")),
        (json!([{"number": "555", "type": null, "is_primary": null}]), 0)
    );
    assert_eq!(
        one(Shape::List(Box::new(Shape::Text)), json!("a")),
        (json!(["a"]), 0)
    );
    assert_eq!(
        one(Shape::List(Box::new(Shape::Text)), json!([null])),
        (json!([]), 0)
    );
    // An empty text is a value of its own; zero and false are, too.
    assert_eq!(
        one(list, json!([{"number": "", "type": "work"}])).0,
        json!([{"number": "", "type": "work", "is_primary": null}])
    );
}

#[test]
fn a_reference_to_nothing_is_null() {
    let reference = Shape::Object(vec![field("id", Shape::Text), field("name", Shape::Text)]);
    assert_eq!(one(reference.clone(), json!({"id": null})), (Value::Null, 0));
    assert_eq!(one(reference.clone(), json!({})), (Value::Null, 0));
    assert_eq!(
        one(reference.clone(), json!("001")),
        (json!({"id": "001", "name": null}), 0)
    );
    assert_eq!(
        one(reference.clone(), json!({"id": "1", "more": 2})),
        (json!({"id": "1", "name": null, "more": 2}), 1)
    );
    assert_eq!(one(reference, json!(true)), (Value::Null, 1));
}

#[test]
fn a_warning_is_said_once_and_holds_no_value() {
    let fields = [field("n", Shape::Integer)];
    let mut fitter = Fitter::default();
    for text in ["secret one", "secret two", "secret three"] {
        let record = Fields::from_iter([("n", Tree::text(text)), ("odd", Tree::text(text))]);
        fitter.record(record, &fields, &|_| false, None);
    }
    let warnings = fitter.into_warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings.iter().all(|warning| !warning.contains("secret")),
        "{warnings:?}"
    );
}

#[test]
fn warnings_have_an_end() {
    let names: Vec<String> = (0..1_000).map(|index| format!("key_{index}")).collect();
    let record = names
        .iter()
        .map(|name| (name.as_str(), Tree::Bool(true)))
        .collect();
    let mut fitter = Fitter::default();
    fitter.record(record, &[], &|_| false, None);
    assert_eq!(fitter.into_warnings().len(), super::WARNINGS_MAX);
}

#[test]
fn a_fitted_record_fits_already() {
    let catalog = Catalog::embedded().unwrap();
    let schema = catalog.schema("contacts").unwrap();
    let (once, _) = fit(
        &json!({"id": "1", "phone_numbers": {"number": "1", "type": "work"}, "account": "001", "created_at": "2026-05-01T07:25:37.000+0000", "custom_fields": {"A__c": false}}),
        &schema.fields,
        None,
    );
    let (twice, warnings) = fit(&once, &schema.fields, None);
    assert_eq!(once, twice);
    assert!(warnings.is_empty());
}
