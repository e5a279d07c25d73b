use proptest::prelude::*;
use serde_json::Value;

use super::{Fields, Tree};

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::vec((".*", inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_tree_is_the_value_it_was_made_of(value in any_value()) {
        let tree = Tree::from(&value);
        prop_assert_eq!(serde_json::to_string(&tree).unwrap(), value.to_string());
        prop_assert_eq!(Value::from(tree), value);
    }
}

#[test]
fn fields_keep_their_place_when_they_are_set_again() {
    let mut fields = Fields::from_iter([("first", Tree::Null), ("second", Tree::Null)]);
    fields.extend(Fields::from_iter([
        ("third", Tree::Bool(true)),
        ("first", Tree::text("x")),
    ]));
    assert_eq!(
        serde_json::to_string(&fields).unwrap(),
        r#"{"first":"x","second":null,"third":true}"#
    );
    fields.retain(|name| name != "second");
    assert_eq!(fields.into_value("third"), Some(Tree::Bool(true)));
}
