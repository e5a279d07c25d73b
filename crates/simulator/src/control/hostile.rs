//! Answers made to hurt their reader: too deep, too long, zipped a thousandfold, cut short, mislabelled.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc, FlushCompress};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};

/// A body that may break off.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Which harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// JSON arrays nested `bytes / 2` deep.
    DeepJson,
    /// A small gzip body that unzips to `bytes` of one JSON string.
    GzipBomb,
    /// One JSON string of `bytes`, streamed.
    Huge,
    /// JSON that says it is HTML.
    WrongContentType,
    /// `Content-Length` promises twice what comes, then the connection closes.
    Truncated,
    /// `Content-Encoding: gzip` before bytes that are not gzip.
    BadGzip,
    /// `200 application/json` with a body that is not JSON.
    NotJson,
    /// `200 application/json` with no body.
    Empty,
}

const CHUNK_BYTES: usize = 1 << 16;

/// A body held in memory.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Status 200 headers and body of a shape.
pub(crate) fn answer(shape: Shape, bytes: u64) -> (Vec<(&'static str, String)>, Body) {
    let json = ("Content-Type", "application/json;charset=UTF-8".to_owned());
    match shape {
        Shape::DeepJson => {
            let depth = usize::try_from(bytes / 2).unwrap_or(usize::MAX).min(50_000_000);
            let mut text = "[".repeat(depth);
            text.push_str(&"]".repeat(depth));
            (vec![json], full(text))
        }
        Shape::GzipBomb => (
            vec![json, ("Content-Encoding", "gzip".to_owned())],
            full(gzip_of_one_string(bytes)),
        ),
        Shape::Huge => (vec![json], one_string(bytes)),
        Shape::WrongContentType => (
            vec![("Content-Type", "text/html".to_owned())],
            full("{\"totalSize\":0,\"done\":true,\"records\":[]}"),
        ),
        Shape::Truncated => {
            let half = "{\"totalSize\":2,\"done\":true,\"records\":[{\"Id\":\"001";
            let promised = (half.len() * 2).to_string();
            let frames = [
                Ok(Frame::data(Bytes::from_static(half.as_bytes()))),
                Err(std::io::Error::other("cut by the control plane")),
            ];
            (
                vec![json, ("Content-Length", promised)],
                BodyExt::boxed_unsync(StreamBody::new(stream::iter(frames))),
            )
        }
        Shape::BadGzip => (
            vec![json, ("Content-Encoding", "gzip".to_owned())],
            full("this is not gzip"),
        ),
        Shape::NotJson => (vec![json], full("{\"totalSize\": oops")),
        Shape::Empty => (vec![json], full("")),
    }
}

/// `"aaaa…"` of `bytes`, made as it is read.
fn one_string(bytes: u64) -> Body {
    let inner = bytes.saturating_sub(2);
    let chunk = Bytes::from(vec![b'a'; CHUNK_BYTES]);
    let frames = stream::unfold((0_u64, false), move |(sent, closed)| {
        let chunk = chunk.clone();
        async move {
            if closed {
                return None;
            }
            if sent == 0 {
                let first = Frame::data(Bytes::from_static(b"\""));
                return Some((Ok(first), (1, false)));
            }
            let left = inner.saturating_sub(sent - 1);
            if left == 0 {
                return Some((Ok(Frame::data(Bytes::from_static(b"\""))), (sent, true)));
            }
            let size = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            Some((Ok(Frame::data(chunk.slice(..size))), (sent + size as u64, false)))
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// One gzip member that unzips to one JSON string of about `bytes`.
///
/// The filling is compressed once and repeated: a full flush ends on a byte border and forgets the window.
fn gzip_of_one_string(bytes: u64) -> Vec<u8> {
    const FILLING_BYTES: usize = 1 << 20;
    let filling = vec![b'a'; FILLING_BYTES];
    let repeats = (bytes / FILLING_BYTES as u64).max(1);
    let mut compressor = flate2::Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(FILLING_BYTES);
    // The output has room for the whole input, so one call takes it all.
    if compressor
        .compress_vec(&filling, &mut block, FlushCompress::Full)
        .is_err()
    {
        block.clear();
    }

    let mut crc = Crc::new();
    crc.update(b"\"");
    let mut filling_crc = Crc::new();
    filling_crc.update(&filling);

    let mut zipped = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    zipped.extend_from_slice(&stored_quote(false));
    for _ in 0..repeats {
        zipped.extend_from_slice(&block);
        crc.combine(&filling_crc);
    }
    zipped.extend_from_slice(&stored_quote(true));
    crc.update(b"\"");
    zipped.extend_from_slice(&crc.sum().to_le_bytes());
    zipped.extend_from_slice(&crc.amount().to_le_bytes());
    zipped
}

/// A stored deflate block of one quotation mark.
fn stored_quote(last: bool) -> [u8; 6] {
    [u8::from(last), 1, 0, 0xfe, 0xff, b'"']
}

/// Gzips an answer.
pub(crate) fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Unzips a request body, at most `limit_bytes` of it.
pub(crate) fn gunzip(bytes: &[u8], limit_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    GzDecoder::new(bytes).take(limit_bytes).read_to_end(&mut text)?;
    Ok(text)
}
