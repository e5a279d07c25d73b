//! Follows the framing of HTTP/1.1 requests on a socket, beside the server that acts on them.
//!
//! hyper reads a request with both `Transfer-Encoding` and `Content-Length`, or with the same length twice, as RFC 9112
//! §6.3 permits, and drops the spare header before anybody sees it. A proxy before us may have read it the other way,
//! so such a request is refused here, where the bytes are still there. Also tells whether a head is under way, which
//! the deadline for heads is measured by.

/// Longest line followed, bytes: above what the server accepts.
const LINE_MAX_BYTES: usize = 64 << 10;

/// Where a connection stands between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of the next request has come.
    Idle,
    /// A head has begun and has not ended.
    Head,
    /// A body is under way.
    Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    RequestLine,
    HeaderLine,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    Trailer,
    /// The framing was ambiguous or unreadable: the connection ends with the answer, nothing is followed any more.
    Nothing,
}

/// Follows one connection.
#[derive(Debug)]
pub(super) struct Framing {
    expect: Expect,
    line: Vec<u8>,
    lengths: u32,
    length: u64,
    codings: u32,
}

impl Framing {
    pub(super) const fn new() -> Self {
        Self {
            expect: Expect::RequestLine,
            line: Vec::new(),
            lengths: 0,
            length: 0,
            codings: 0,
        }
    }

    /// Follows `bytes`; `false` when a request among them could be framed in two ways.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match self.expect {
                Expect::Nothing => return true,
                Expect::Length(left) | Expect::Chunk(left) => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    bytes = &bytes[taken..];
                    let left = left - taken as u64;
                    self.expect = match (self.expect, left) {
                        (Expect::Length(_), 0) => Expect::RequestLine,
                        (Expect::Length(_), _) => Expect::Length(left),
                        (_, 0) => Expect::ChunkSize,
                        _ => Expect::Chunk(left),
                    };
                }
                _ => {
                    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                        self.line.extend_from_slice(bytes);
                        return self.line.len() <= LINE_MAX_BYTES || self.refuse();
                    };
                    let is_sound = if self.line.is_empty() {
                        self.end_line(&bytes[..end])
                    } else {
                        let mut line = std::mem::take(&mut self.line);
                        line.extend_from_slice(&bytes[..end]);
                        let is_sound = self.end_line(&line);
                        line.clear();
                        self.line = line;
                        is_sound
                    };
                    bytes = &bytes[end + 1..];
                    if !is_sound {
                        return self.refuse();
                    }
                }
            }
        }
        true
    }

    pub(super) fn phase(&self) -> Phase {
        match self.expect {
            Expect::RequestLine if self.line.is_empty() => Phase::Idle,
            Expect::RequestLine | Expect::HeaderLine => Phase::Head,
            Expect::Nothing => Phase::Idle,
            _ => Phase::Body,
        }
    }

    fn refuse(&mut self) -> bool {
        self.expect = Expect::Nothing;
        self.line = Vec::new();
        false
    }

    /// Takes a line without its line feed.
    fn end_line(&mut self, line: &[u8]) -> bool {
        // A line feed alone ends a line for some readers and not for others (RFC 9112 §2.2).
        let Some(line) = line.strip_suffix(b"\r") else {
            return false;
        };
        if line.contains(&b'\r') {
            return false;
        }
        match self.expect {
            Expect::RequestLine => {
                if !line.is_empty() {
                    (self.lengths, self.length, self.codings) = (0, 0, 0);
                    self.expect = Expect::HeaderLine;
                }
                true
            }
            Expect::HeaderLine if line.is_empty() => self.end_head(),
            Expect::HeaderLine => self.header(line),
            Expect::ChunkSize => self.chunk_size(line),
            Expect::Trailer => {
                if line.is_empty() {
                    self.expect = Expect::RequestLine;
                }
                true
            }
            Expect::Length(_) | Expect::Chunk(_) | Expect::Nothing => true,
        }
    }

    fn header(&mut self, line: &[u8]) -> bool {
        // A line that begins with a space continues the one before it: obs-fold (RFC 9112 §5.2).
        if matches!(line[0], b' ' | b'\t') {
            return false;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return false;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            let length = std::str::from_utf8(value)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            match length.and_then(|text| text.parse().ok()) {
                Some(length) => self.length = length,
                None => return false,
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
            return value.eq_ignore_ascii_case(b"chunked");
        }
        true
    }

    fn end_head(&mut self) -> bool {
        self.expect = match (self.codings, self.lengths) {
            (1, 0) => Expect::ChunkSize,
            (0, 1) if self.length > 0 => Expect::Length(self.length),
            (0, 0 | 1) => Expect::RequestLine,
            _ => return false,
        };
        true
    }

    fn chunk_size(&mut self, line: &[u8]) -> bool {
        let digits = line
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| u64::from_str_radix(text, 16).ok());
        self.expect = match size {
            Some(0) => Expect::Trailer,
            // The chunk and the line end after it.
            Some(size) if size < u64::MAX - 2 && digits[0] != b'+' => Expect::Chunk(size + 2),
            _ => return false,
        };
        true
    }
}

#[cfg(test)]
mod tests;
