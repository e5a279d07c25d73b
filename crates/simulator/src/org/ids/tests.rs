use super::RecordId;

#[test]
fn recorded_ids_keep_their_suffix() {
    for recorded in [
        "001dM00003jU9GxQAK",
        "003dM00001vWOXJQA4",
        "0128M0000004HVOQA2",
        "a01xx000003DGb2AAG",
        "012000000000000AAA",
    ] {
        let id = RecordId::parse(recorded).expect("a recorded id");
        assert_eq!(id.to_string(), recorded);
        assert_eq!(RecordId::parse(&recorded[..15]), Some(id));
    }
}

#[test]
fn refuses_what_is_no_id() {
    for text in [
        "",
        "abc",
        "001RM000003oLrB000",
        "001dM00003jU9GxQAk",
        "001dM00003jU9G!",
        "001dM00003jU9GxQ",
        "００１００００００００００００",
    ] {
        assert_eq!(RecordId::parse(text), None, "{text}");
    }
}

#[test]
fn serials_order_as_ids_order() {
    let mut last = RecordId::from_serial(*b"001", 0);
    for serial in 1..20_000 {
        let next = RecordId::from_serial(*b"001", serial);
        assert!(next > last);
        last = next;
    }
}
