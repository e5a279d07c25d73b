//! Bodies of replies: read with a cap that counts decompressed bytes, or streamed with a cap and an idle limit.

use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::EgressError;

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Most bytes, counted after decompression.
    pub(crate) max_bytes: usize,
    /// Longest gap between two pieces.
    pub(crate) idle: Duration,
    /// When the whole must be here.
    pub(crate) deadline: Instant,
}

/// Reads a whole body, unzipping it when the reply says so.
pub(crate) async fn read_body(
    headers: &HeaderMap,
    body: Incoming,
    limits: BodyLimits,
) -> Result<Bytes, EgressError> {
    match content_encoding(headers) {
        Encoding::Identity => read_plain(headers, body, limits).await,
        Encoding::Gzip => read_gzip(body, limits).await,
        Encoding::Other => Err(EgressError::BadReply {
            what: "a content encoding that was not asked for",
        }),
    }
}

/// Unzips bytes already at hand, at most `max_bytes` of them.
pub(crate) fn unzip(zipped: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let mut decoder = MultiGzDecoder::new(Capped::new(max_bytes));
    decoder.write_all(zipped).ok()?;
    // A cut-off stream still gives what was there: this is used to look at the beginning of an error.
    let whole = decoder.try_finish().is_ok();
    let bytes = std::mem::take(&mut decoder.get_mut().bytes);
    (whole || !bytes.is_empty()).then_some(bytes)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Other,
}

pub(crate) fn content_encoding(headers: &HeaderMap) -> Encoding {
    let mut encoding = Encoding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        match value.as_bytes().trim_ascii() {
            b"" => {}
            name if name.eq_ignore_ascii_case(b"identity") => {}
            name if encoding == Encoding::Identity
                && (name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")) =>
            {
                encoding = Encoding::Gzip;
            }
            _ => return Encoding::Other,
        }
    }
    encoding
}

async fn read_plain(
    headers: &HeaderMap,
    mut body: Incoming,
    limits: BodyLimits,
) -> Result<Bytes, EgressError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok())
        .and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > limits.max_bytes) {
        return Err(EgressError::too_large(limits.max_bytes));
    }
    let Some(first) = next_piece(&mut body, limits).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limits.max_bytes {
        return Err(EgressError::too_large(limits.max_bytes));
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut read = BytesMut::with_capacity(announced.unwrap_or(first.len() * 2).max(first.len()));
    read.extend_from_slice(&first);
    while let Some(piece) = next_piece(&mut body, limits).await? {
        if read.len() + piece.len() > limits.max_bytes {
            return Err(EgressError::too_large(limits.max_bytes));
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.freeze())
}

async fn read_gzip(mut body: Incoming, limits: BodyLimits) -> Result<Bytes, EgressError> {
    const BROKEN: EgressError = EgressError::BadReply {
        what: "a gzip body that does not unzip",
    };
    let mut decoder = MultiGzDecoder::new(Capped::new(limits.max_bytes));
    let mut any = false;
    while let Some(piece) = next_piece(&mut body, limits).await? {
        any |= !piece.is_empty();
        if decoder.write_all(&piece).is_err() {
            return Err(if decoder.get_ref().full {
                EgressError::too_large(limits.max_bytes)
            } else {
                BROKEN
            });
        }
    }
    if !any {
        return Ok(Bytes::new());
    }
    if decoder.try_finish().is_err() {
        return Err(if decoder.get_ref().full {
            EgressError::too_large(limits.max_bytes)
        } else {
            BROKEN
        });
    }
    Ok(Bytes::from(std::mem::take(&mut decoder.get_mut().bytes)))
}

async fn next_piece(body: &mut Incoming, limits: BodyLimits) -> Result<Option<Bytes>, EgressError> {
    loop {
        let until = limits.deadline.min(Instant::now() + limits.idle);
        match tokio::time::timeout_at(until, body.frame()).await {
            Err(_) => return Err(EgressError::Timeout { sent: true }),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(EgressError::Unreachable {
                    sent: true,
                    what: "the reply was cut off",
                });
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// A buffer that refuses to grow past its cap, so that a bomb ends there and not in memory.
struct Capped {
    bytes: Vec<u8>,
    max_bytes: usize,
    full: bool,
}

impl Capped {
    const fn new(max_bytes: usize) -> Self {
        Self {
            bytes: Vec::new(),
            max_bytes,
            full: false,
        }
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + piece.len() > self.max_bytes {
            self.full = true;
            return Err(std::io::Error::other("larger than the cap"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why a streamed body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// More bytes than allowed.
    #[error("the provider's reply is larger than {max_bytes} bytes")]
    TooLarge {
        /// The cap, bytes.
        max_bytes: u64,
    },
    /// No byte for too long.
    #[error("the provider stopped sending")]
    Idle,
    /// The provider closed the connection.
    #[error("the provider's reply was cut off")]
    CutOff,
}

/// A provider's body on its way to the caller: counted, and ended when the provider stalls.
///
/// Bytes already read while looking at an error come first. The bytes pass as the provider sent them, so with a
/// `content-encoding` the cap counts compressed bytes: nobody here inflates them.
pub struct StreamBody {
    first: Option<Bytes>,
    rest: Option<Incoming>,
    sent_bytes: u64,
    max_bytes: u64,
    idle: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl std::fmt::Debug for StreamBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StreamBody")
            .field("sent_bytes", &self.sent_bytes)
            .finish_non_exhaustive()
    }
}

impl StreamBody {
    pub(crate) fn new(first: Option<Bytes>, rest: Option<Incoming>, max_bytes: u64, idle: Duration) -> Self {
        Self {
            first: first.filter(|bytes| !bytes.is_empty()),
            rest,
            sent_bytes: 0,
            max_bytes,
            idle,
            alarm: Box::pin(tokio::time::sleep(idle)),
        }
    }

    fn count(&mut self, length: usize) -> Result<(), StreamError> {
        self.sent_bytes = self.sent_bytes.saturating_add(length as u64);
        if self.sent_bytes > self.max_bytes {
            self.rest = None;
            return Err(StreamError::TooLarge {
                max_bytes: self.max_bytes,
            });
        }
        Ok(())
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(self.count(first.len()).map(|()| Frame::data(first))));
        }
        let Some(rest) = self.rest.as_mut() else {
            return Poll::Ready(None);
        };
        match Pin::new(rest).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let until = Instant::now() + self.idle;
                self.alarm.as_mut().reset(until);
                // Trailers are hop-by-hop here: nobody downstream announced that it takes them.
                let Ok(piece) = frame.into_data() else {
                    self.rest = None;
                    return Poll::Ready(None);
                };
                Poll::Ready(Some(self.count(piece.len()).map(|()| Frame::data(piece))))
            }
            Poll::Ready(Some(Err(_))) => {
                self.rest = None;
                Poll::Ready(Some(Err(StreamError::CutOff)))
            }
            Poll::Ready(None) => {
                self.rest = None;
                Poll::Ready(None)
            }
            Poll::Pending => match self.alarm.as_mut().poll(context) {
                Poll::Ready(()) => {
                    self.rest = None;
                    Poll::Ready(Some(Err(StreamError::Idle)))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let rest = self
            .rest
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(first + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(first + upper);
        }
        hint
    }
}
