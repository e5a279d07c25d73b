//! Bodies in pieces, cut off, stalled and too large; over a pipe in memory, so that time is the test's.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::super::{BodyLimits, EgressError, Encoding, StreamBody, StreamError, content_encoding, read_body};

const SECOND: Duration = Duration::from_secs(1);

/// What the other side does, one after the other; at the end it closes.
#[derive(Clone, Copy)]
enum Step<'a> {
    Sends(&'a [u8]),
    Waits(Duration),
}
use Step::{Sends, Waits};

/// The reply of which these steps are the bytes.
async fn reply(steps: &[Step<'_>]) -> Response<Incoming> {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let steps: Vec<(Vec<u8>, Duration)> = steps
        .iter()
        .map(|step| match step {
            Sends(bytes) => (bytes.to_vec(), Duration::ZERO),
            Waits(time) => (Vec::new(), *time),
        })
        .collect();
    tokio::spawn(async move {
        let mut request = [0_u8; 16];
        theirs.read_exact(&mut request).await.expect("a request");
        for (bytes, time) in steps {
            theirs.write_all(&bytes).await.expect("somebody reads");
            tokio::time::sleep(time).await;
        }
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
        .await
        .expect("a pipe");
    tokio::spawn(connection);
    let request = Request::get("/").body(Empty::<Bytes>::new()).expect("a request");
    sender.send_request(request).await.expect("a head")
}

/// Reads the whole: a second for each piece, ten for all.
async fn read(steps: &[Step<'_>], max_bytes: usize) -> Result<Bytes, EgressError> {
    let (head, body) = reply(steps).await.into_parts();
    let limits = BodyLimits {
        max_bytes,
        idle: SECOND,
        deadline: Instant::now() + 10 * SECOND,
    };
    read_body(&head.headers, body, limits).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("zips");
    encoder.finish().expect("zips")
}

const PLAIN: Step<'_> = Sends(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
const CHUNKED: Step<'_> = Sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
const ZIPPED: Step<'_> = Sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n");
const PAUSE: Step<'_> = Waits(Duration::from_millis(900));

fn too_large(max_bytes: u64) -> Result<Bytes, EgressError> {
    Err(EgressError::TooLarge { max_bytes })
}

#[test]
fn encodings_are_told_apart() {
    for (sent, encoding) in [
        (&[][..], Encoding::Identity),
        (&[""], Encoding::Identity),
        (&["identity"], Encoding::Identity),
        (&["Identity", "gzip"], Encoding::Gzip),
        (&["gzip", "identity"], Encoding::Gzip),
        (&[" GZIP "], Encoding::Gzip),
        (&["x-gzip"], Encoding::Gzip),
        (&["gzip", "gzip"], Encoding::Other),
        (&["gzip, gzip"], Encoding::Other),
        (&["br"], Encoding::Other),
        (&["gzip", "br"], Encoding::Other),
    ] {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append("content-encoding", HeaderValue::from_static(value));
        }
        assert_eq!(content_encoding(&headers), encoding, "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_to_its_end_and_to_its_cap() {
    let whole = || Ok(Bytes::from_static(b"0123456789"));
    let in_two = [PLAIN, Sends(b"01234"), PAUSE, Sends(b"56789")];
    assert_eq!(read(&in_two, 10).await, whole());
    assert_eq!(read(&in_two, 9).await, too_large(9));
    // What is announced is believed before it is there.
    assert_eq!(read(&[PLAIN, Sends(b"0")], 9).await, too_large(9));
    assert_eq!(read(&[PLAIN, Sends(b"0123456789")], 10).await, whole());
    let in_chunks = [
        CHUNKED,
        Sends(b"5\r\n01234\r\n"),
        PAUSE,
        Sends(b"5\r\n56789\r\n"),
        PAUSE,
        Sends(b"0\r\ntrailer: 1\r\n\r\n"),
    ];
    assert_eq!(read(&in_chunks, 10).await, whole());
    assert_eq!(read(&in_chunks, 9).await, too_large(9));
    assert_eq!(read(&in_chunks, 5).await, too_large(5));
    assert_eq!(read(&in_chunks, 4).await, too_large(4), "the first piece alone");
    assert_eq!(read(&[CHUNKED, Sends(b"0\r\n\r\n")], 0).await, Ok(Bytes::new()));
    let one_chunk = [CHUNKED, Sends(b"a\r\n0123456789\r\n"), PAUSE, Sends(b"0\r\n\r\n")];
    assert_eq!(read(&one_chunk, 10).await, whole());
    let more = Sends(b"HTTP/1.1 200 OK\r\n\r\n0123456789");
    assert_eq!(read(&[more, PAUSE, Sends(b"x")], 10).await, too_large(10));
}

#[tokio::test(start_paused = true)]
async fn a_zipped_body_is_measured_unzipped() {
    let zipped = gzip(b"0123456789");
    let whole = Ok(Bytes::from_static(b"0123456789"));
    let (first, second) = zipped.split_at(12);
    let in_two = [ZIPPED, Sends(first), PAUSE, Sends(second)];
    assert_eq!(read(&in_two, 10).await, whole);
    assert_eq!(read(&in_two, 9).await, too_large(9));
    assert_eq!(
        read(&[ZIPPED], 10).await,
        Ok(Bytes::new()),
        "no body at all is no error"
    );
    let broken = Err(EgressError::BadReply {
        what: "a gzip body that does not unzip",
    });
    let cut_off = [ZIPPED, Sends(first)];
    assert_eq!(read(&cut_off, 10).await, broken);
    assert_eq!(
        read(&[ZIPPED, Sends(b"<html>no gzip at all</html>")], 10).await,
        broken
    );
    let bomb = gzip(&vec![0; 1 << 20]);
    assert_eq!(read(&[ZIPPED, Sends(&bomb)], 1 << 10).await, too_large(1 << 10));
    let other = Sends(b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n0123456789");
    assert!(matches!(
        read(&[other], 10).await,
        Err(EgressError::BadReply { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_or_breaks_off_is_an_error_and_was_sent() {
    let timeout = Err(EgressError::Timeout { sent: true });
    let stalls = [PLAIN, Sends(b"01234"), Waits(SECOND * 2), Sends(b"56789")];
    assert_eq!(read(&stalls, 10).await, timeout);
    assert_eq!(
        read(&[PLAIN, Waits(SECOND * 2), Sends(b"0123456789")], 10).await,
        timeout
    );
    // Always in time, and never done.
    let mut drips = vec![CHUNKED];
    for _ in 0..12 {
        drips.extend([Sends(b"1\r\nx\r\n"), PAUSE]);
    }
    drips.push(Sends(b"0\r\n\r\n"));
    assert_eq!(read(&drips, 100).await, timeout);
    let error = read(&[PLAIN, Sends(b"01234"), PAUSE], 10)
        .await
        .expect_err("cut off");
    assert!(
        matches!(error, EgressError::Unreachable { sent: true, .. }),
        "{error:?}"
    );
}

/// The frames of a streamed body, to its end or first error.
async fn stream(mut body: StreamBody) -> (Vec<u8>, Option<StreamError>) {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read.extend(frame.into_data().expect("trailers end here")),
            Err(error) => {
                assert!(body.frame().await.is_none(), "nothing follows an error");
                return (read, Some(error));
            }
        }
    }
    assert!(body.is_end_stream());
    (read, None)
}

async fn streamed(
    first: &'static [u8],
    steps: &[Step<'_>],
    max_bytes: u64,
) -> (Vec<u8>, Option<StreamError>) {
    let rest = reply(steps).await.into_body();
    stream(StreamBody::new(
        Some(Bytes::from_static(first)),
        Some(rest),
        max_bytes,
        SECOND,
    ))
    .await
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_counted_and_ends_where_the_provider_stalls() {
    let (all, some) = (b"<>0123456789".to_vec(), b"<>01234".to_vec());
    // More than a second in all, and each piece in time.
    let in_two = [PLAIN, PAUSE, Sends(b"01234"), PAUSE, Sends(b"56789")];
    assert_eq!(streamed(b"<>", &in_two, 12).await, (all.clone(), None));
    let too_large = StreamError::TooLarge { max_bytes: 11 };
    assert_eq!(
        streamed(b"<>", &in_two, 11).await,
        (some.clone(), Some(too_large))
    );
    let too_large = StreamError::TooLarge { max_bytes: 1 };
    assert_eq!(streamed(b"<>", &in_two, 1).await, (Vec::new(), Some(too_large)));
    let stalls = [PLAIN, Sends(b"01234"), Waits(SECOND * 2), Sends(b"56789")];
    assert_eq!(
        streamed(b"<>", &stalls, 12).await,
        (some.clone(), Some(StreamError::Idle))
    );
    let cut_off = [PLAIN, Sends(b"01234"), PAUSE];
    assert_eq!(
        streamed(b"<>", &cut_off, 12).await,
        (some.clone(), Some(StreamError::CutOff))
    );
    let with_trailers = [
        CHUNKED,
        Sends(b"5\r\n01234\r\n"),
        PAUSE,
        Sends(b"0\r\ntrailer: 1\r\n\r\n"),
    ];
    assert_eq!(streamed(b"<>", &with_trailers, 12).await, (some, None));
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_what_is_left_of_it() {
    let first = || Some(Bytes::from_static(b"<>"));
    let rest = reply(&[PLAIN, Sends(b"01234"), PAUSE, Sends(b"56789")])
        .await
        .into_body();
    let mut body = StreamBody::new(first(), Some(rest), 12, SECOND);
    assert_eq!(
        (body.size_hint().exact(), body.is_end_stream()),
        (Some(12), false)
    );
    assert!(body.frame().await.is_some());
    assert_eq!(
        (body.size_hint().exact(), body.is_end_stream()),
        (Some(10), false)
    );
    assert!(body.frame().await.is_some());
    assert_eq!(format!("{body:?}"), "StreamBody { sent_bytes: 7, .. }");
    let chunked = reply(&[CHUNKED, Sends(b"0\r\n\r\n")]).await.into_body();
    let unknown = StreamBody::new(first(), Some(chunked), 12, SECOND).size_hint();
    assert_eq!((unknown.lower(), unknown.upper()), (2, None));
    let mut at_hand = StreamBody::new(first(), None, 12, SECOND);
    assert_eq!(
        (at_hand.size_hint().exact(), at_hand.is_end_stream()),
        (Some(2), false)
    );
    assert!(at_hand.frame().await.is_some());
    assert_eq!(
        (at_hand.size_hint().exact(), at_hand.is_end_stream()),
        (Some(0), true)
    );
    assert!(StreamBody::new(Some(Bytes::new()), None, 12, SECOND).is_end_stream());
}
