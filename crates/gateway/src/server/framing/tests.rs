use super::{Framing, Phase};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn follows(text: &str) -> bool {
    let whole = Framing::new().follow(text.as_bytes());
    // However the bytes are cut, the verdict is the same.
    for size in [1, 2, 7] {
        let mut framing = Framing::new();
        let pieces: Vec<bool> = text
            .as_bytes()
            .chunks(size)
            .map(|piece| framing.follow(piece))
            .collect();
        assert_eq!(
            pieces.iter().all(|sound| *sound),
            whole,
            "cut into {size}: {text:?}"
        );
    }
    whole
}

#[test]
fn sound_requests_pass_one_after_the_other() {
    let post = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\na\nb\r\n0\r\nT: v\r\n\r\n";
    for text in [
        GET,
        post,
        chunked,
        &format!("{post}\r\n{GET}{chunked}{post}{chunked}{GET}"),
    ] {
        assert!(follows(text), "{text:?}");
        let mut framing = Framing::new();
        assert!(framing.follow(text.as_bytes()));
        assert_eq!(framing.phase(), Phase::Idle);
    }
}

#[test]
fn requests_that_could_be_framed_in_two_ways_are_refused() {
    for headers in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\ncontent-length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "X: a\r\n b\r\n",
        "X: a\r\n\tTransfer-Encoding: chunked\r\n",
        "X: a\nY: b\r\n",
        "X: a\rY: b\r\n",
        "no colon\r\n",
    ] {
        assert!(
            !follows(&format!("POST / HTTP/1.1\r\n{headers}\r\n")),
            "{headers:?}"
        );
        assert!(
            !follows(&format!("{GET}POST / HTTP/1.1\r\n{headers}\r\n")),
            "second: {headers:?}"
        );
    }
    for size in [
        "",
        "x",
        "-1",
        "+1",
        "ffffffffffffffff",
        "10000000000000000",
        "1 1",
    ] {
        let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n");
        assert!(!follows(&text), "{size:?}");
    }
}

#[test]
fn a_body_is_not_taken_for_a_head() {
    let inner = "GET /admin HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    assert!(follows(&format!(
        "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    )));
    let chunk = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    assert!(follows(&format!(
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
    )));
}

#[test]
fn phases_tell_what_is_awaited() {
    let mut framing = Framing::new();
    assert_eq!(framing.phase(), Phase::Idle);
    framing.follow(b"G");
    assert_eq!(framing.phase(), Phase::Head);
    framing.follow(b"ET / HTTP/1.1\r\n");
    assert_eq!(framing.phase(), Phase::Head);
    framing.follow(b"Content-Length: 2\r\n\r\na");
    assert_eq!(framing.phase(), Phase::Body);
    framing.follow(b"b");
    assert_eq!(framing.phase(), Phase::Idle);
}

#[test]
fn an_endless_line_is_refused() {
    let mut framing = Framing::new();
    let piece = [b'a'; 1024];
    assert!((0..100).any(|_| !framing.follow(&piece)));
}
