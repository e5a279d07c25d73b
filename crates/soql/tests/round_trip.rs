//! What is written is read back as the same value, for values in the one form that the writer gives them.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use proptest::prelude::*;
use soql::{
    Comparison, Condition, DateLiteral, Direction, FieldPath, Function, Identifier, LikePart, LikePattern,
    Literal, Nulls, Order, Query, Returning, Scope, Search, SelectItem, parse_condition, parse_order_by,
    parse_query, parse_search,
};

fn identifier() -> impl Strategy<Value = Identifier> {
    "[A-Za-z][A-Za-z0-9_]{0,8}".prop_filter_map("reserved", |name| Identifier::parse(&name).ok())
}

fn field() -> impl Strategy<Value = FieldPath> {
    prop::collection::vec(identifier(), 1..=6).prop_map(|names| {
        let names: Vec<&str> = names.iter().map(Identifier::as_str).collect();
        FieldPath::parse(&names.join(".")).unwrap()
    })
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(Literal::Integer),
        "-?[0-9]{1,20}\\.[0-9]{1,10}".prop_map(|number| Literal::decimal(&number).unwrap()),
        text().prop_map(Literal::Text),
        (1700..=4000, 1..=12, 1..=28)
            .prop_map(|(year, month, day)| Literal::date(&format!("{year}-{month:02}-{day:02}")).unwrap()),
        ("(\\.[0-9]{1,9})?", "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])").prop_map(|(fraction, zone)| {
            Literal::date_time(&format!("2026-05-01T07:25:37{fraction}{zone}")).unwrap()
        }),
        (any::<u32>(), any::<prop::sample::Index>())
            .prop_map(|(n, index)| Literal::DateLiteral(*index.get(&DateLiteral::all(n)))),
    ]
}

fn pattern() -> impl Strategy<Value = LikePattern> {
    let part = prop_oneof![
        Just(LikePart::AnyRun),
        Just(LikePart::AnyOne),
        text().prop_map(LikePart::Text)
    ];
    prop::collection::vec(part, 0..5).prop_map(LikePattern::raw)
}

fn condition() -> impl Strategy<Value = Condition> {
    let value = text().prop_map(|text| text.replace(';', ","));
    let sets = prop::collection::vec(prop::collection::vec(value, 1..3), 1..3);
    let leaf = prop_oneof![
        (field(), prop::sample::select(Comparison::ALL.to_vec()), literal()).prop_map(
            |(field, comparison, value)| Condition::Compare {
                field,
                comparison,
                value
            }
        ),
        (field(), pattern()).prop_map(|(field, pattern)| Condition::Like { field, pattern }),
        (field(), any::<bool>(), prop::collection::vec(literal(), 1..4)).prop_map(
            |(field, negated, values)| Condition::In {
                field,
                negated,
                values
            }
        ),
        (field(), any::<bool>(), sets).prop_map(|(field, negated, sets)| Condition::Includes {
            field,
            negated,
            sets
        }),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Condition::And),
            several.prop_map(Condition::Or),
            inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
            (
                field(),
                any::<bool>(),
                field(),
                identifier(),
                prop::option::of(inner.prop_map(Box::new))
            )
                .prop_map(|(field, negated, select, from, filter)| Condition::SemiJoin {
                    field,
                    negated,
                    select,
                    from,
                    filter
                }),
        ]
    })
}

fn order() -> impl Strategy<Value = Order> {
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    let nulls = prop_oneof![Just(Nulls::First), Just(Nulls::Last)];
    (field(), direction, nulls).prop_map(|(field, direction, nulls)| Order {
        field,
        direction,
        nulls,
    })
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    prop::collection::vec(order(), 0..3)
}

fn flat_query() -> impl Strategy<Value = Query> {
    let function = (
        prop::sample::select(Function::ALL.to_vec()),
        field(),
        prop::option::of(identifier()),
    )
        .prop_map(|(name, field, alias)| SelectItem::Function { name, field, alias });
    let select = prop::collection::vec(prop_oneof![field().prop_map(SelectItem::Field), function], 1..4);
    let limit = prop::option::of(any::<u32>());
    let offset = prop::option::of(0..=2_000_u32);
    (
        select,
        identifier(),
        prop::option::of(condition()),
        orders(),
        limit,
        offset,
    )
        .prop_map(|(select, from, filter, order_by, limit, offset)| Query {
            select,
            from,
            filter,
            order_by,
            limit,
            offset,
        })
}

fn query() -> impl Strategy<Value = Query> {
    (flat_query(), prop::option::of(flat_query())).prop_map(|(mut query, child)| {
        if let Some(child) = child {
            query.select.push(SelectItem::Child {
                relationship: child.from.clone(),
                query: Box::new(child),
            });
        }
        query
    })
}

fn returning() -> impl Strategy<Value = Returning> {
    let fields = prop::collection::vec(field(), 1..4);
    let counts = (prop::option::of(any::<u32>()), prop::option::of(0..=2_000_u32));
    (
        identifier(),
        fields,
        prop::option::of(condition()),
        orders(),
        counts,
    )
        .prop_map(|(object, fields, filter, order_by, (limit, offset))| Returning {
            object,
            fields,
            filter,
            order_by,
            limit,
            offset,
        })
}

/// Leaves out what the writer writes once.
fn without_repetition(query: &mut Query) {
    let mut seen = std::collections::HashSet::new();
    query
        .select
        .retain(|item| seen.insert(format!("{item:?}").to_ascii_lowercase()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queries(mut value in query()) {
        without_repetition(&mut value);
        for item in &mut value.select {
            if let SelectItem::Child { query, .. } = item {
                without_repetition(query);
            }
        }
        let written = value.to_soql().unwrap();
        prop_assert_eq!(parse_query(&written).unwrap(), value);
    }

    #[test]
    fn conditions_and_orders(filter in condition(), order_by in prop::collection::vec(order(), 1..4)) {
        let id = SelectItem::Field(FieldPath::parse("Id").unwrap());
        let from = Identifier::parse("X").unwrap();
        let bare = Query { select: vec![id], from, filter: None, order_by: Vec::new(), limit: None, offset: None };
        let written = Query { filter: Some(filter.clone()), ..bare.clone() }.to_soql().unwrap();
        let text = written.strip_prefix("SELECT Id FROM X").unwrap();
        prop_assert_eq!(parse_condition(text).unwrap(), filter);
        let written = Query { order_by: order_by.clone(), ..bare }.to_soql().unwrap();
        let text = written.strip_prefix("SELECT Id FROM X").unwrap();
        prop_assert_eq!(parse_order_by(text).unwrap(), order_by);
    }

    #[test]
    fn searches(term in text(), scope in prop::sample::select(Scope::ALL.to_vec()),
                mut returning in prop::collection::vec(returning(), 1..3), limit in prop::option::of(any::<u32>())) {
        for one in &mut returning {
            let mut seen = std::collections::HashSet::new();
            one.fields.retain(|field| seen.insert(field.as_str().to_ascii_lowercase()));
        }
        let term: String = format!("xy{term}z").chars().filter(|c| !c.is_control()).collect();
        let value = Search { term, scope, returning, limit };
        let written = value.to_sosl().unwrap();
        prop_assert_eq!(parse_search(&written, None).unwrap(), value);
    }
}
