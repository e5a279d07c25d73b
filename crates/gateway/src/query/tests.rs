use super::{Known, decode, without_connection};

#[test]
fn pairs_keep_their_order_and_repetitions() {
    let pairs = decode(Some("a=1&b%5Bgt%5D=x+y&a=2&flag&=v&&q=%C3%A9%2B%26")).unwrap();
    let expected = [
        ("a", "1"),
        ("b[gt]", "x y"),
        ("a", "2"),
        ("flag", ""),
        ("", "v"),
        ("q", "é+&"),
    ];
    assert_eq!(
        pairs,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(decode(None).unwrap(), []);
}

#[test]
fn escapes_that_mean_nothing_are_refused() {
    for query in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%C3", "a=%ED%A0%80"] {
        assert!(decode(Some(query)).is_err(), "{query}");
    }
}

#[test]
fn the_connection_parameter_is_taken_out_and_nothing_else_is_touched() {
    assert_eq!(
        without_connection("q=a+b%20c&connection_id=con_x&z=%2F"),
        "q=a+b%20c&z=%2F"
    );
    assert_eq!(without_connection("connection%5Fid=con_x"), "");
    assert_eq!(
        without_connection("xconnection_id=1&connection_idx=2"),
        "xconnection_id=1&connection_idx=2"
    );
}

#[test]
fn a_management_route_knows_its_parameters() {
    let known = Known::read(Some("limit=5&provider=x"), &["limit", "provider"]).unwrap();
    assert_eq!(known.get("provider"), Some("x"));
    assert_eq!(known.limit(100, 200).unwrap(), 5);
    assert_eq!(
        Known::read(Some("limit=5000"), &["limit"])
            .unwrap()
            .limit(100, 200)
            .unwrap(),
        200
    );
    assert_eq!(Known::read(None, &[]).unwrap().limit(100, 200).unwrap(), 100);
    assert!(Known::read(Some("tenant_id=t"), &["limit"]).is_err());
    assert!(Known::read(Some("limit=1&limit=2"), &["limit"]).is_err());
    for limit in ["0", "-1", "1.5", "x", ""] {
        let known = Known::read(Some(&format!("limit={limit}")), &["limit"]).unwrap();
        assert!(known.limit(100, 200).is_err(), "{limit}");
    }
}
