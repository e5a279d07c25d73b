use super::parse;

#[test]
fn a_chunked_reply_is_read_whole() {
    let reply =
        parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n")
            .expect("a reply");
    assert_eq!((reply.status, reply.body.as_str()), (200, "Wikipedia"));
}

#[test]
fn a_reply_cut_off_half_way_is_no_reply() {
    for cut in [
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nA: b",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWi",
    ] {
        assert!(parse(cut.as_bytes()).is_none(), "{cut}");
    }
}
