//! Forgives a comma before a closing bracket, and counts how deep brackets go before the parser sees them.
//!
//! The commas become spaces, so that every position an error names is a position in the text as written.

use std::borrow::Cow;

/// The text without commas before `}`, `]` and `)`; `Err` is the position (UTF-16 units) of the bracket that goes
/// deeper than `nesting_max`.
///
/// Only commas after a value are taken away: `[,]` stays the mistake it is.
pub(super) fn without_trailing_commas(source: &str, nesting_max: usize) -> Result<Cow<'_, str>, usize> {
    let mut scanner = Scanner {
        bytes: source.as_bytes(),
        at: 0,
        operand_next: true,
        depth: 0,
        comma: None,
        commas: Vec::new(),
    };
    while scanner.at < scanner.bytes.len() {
        scanner.token();
        if scanner.depth > nesting_max {
            let before = source.get(..scanner.at).unwrap_or(source);
            return Err(before.encode_utf16().count());
        }
    }
    if scanner.commas.is_empty() {
        return Ok(Cow::Borrowed(source));
    }
    let mut text = String::with_capacity(source.len());
    let mut from = 0;
    for comma in scanner.commas {
        text.push_str(source.get(from..comma).unwrap_or_default());
        text.push(' ');
        from = comma + 1;
    }
    text.push_str(source.get(from..).unwrap_or_default());
    Ok(Cow::Owned(text))
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether a value may begin here: tells a regular expression from a division.
    operand_next: bool,
    depth: usize,
    /// The comma that nothing has followed yet, when a value stood before it.
    comma: Option<usize>,
    commas: Vec<usize>,
}

impl Scanner<'_> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Reads one token, a blank or a comment.
    fn token(&mut self) {
        let Some(byte) = self.byte(0) else { return };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b => self.at += 1,
            b'/' if self.byte(1) == Some(b'*') => self.comment(),
            b'"' | b'\'' => self.quoted(byte, true),
            b'`' => self.quoted(byte, false),
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                self.punctuation(true);
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.commas.extend(self.comma.take());
                self.punctuation(false);
            }
            b',' => {
                let after_value = !self.operand_next;
                let at = self.at;
                self.punctuation(true);
                self.comma = after_value.then_some(at);
            }
            b'/' if self.operand_next => self.regex(),
            // In a value's place these are values: a wildcard, the parent, an argument left open.
            b'*' | b'%' | b'?' if self.operand_next => self.punctuation(false),
            b'$' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => self.word(),
            _ => self.punctuation(true),
        }
    }

    fn punctuation(&mut self, operand_next: bool) {
        self.at += 1;
        self.comma = None;
        self.operand_next = operand_next;
    }

    fn comment(&mut self) {
        self.at += 2;
        while self.at < self.bytes.len() {
            if self.byte(0) == Some(b'*') && self.byte(1) == Some(b'/') {
                self.at += 2;
                return;
            }
            self.at += 1;
        }
    }

    fn quoted(&mut self, quote: u8, escapes: bool) {
        self.punctuation(false);
        while let Some(byte) = self.byte(0) {
            self.at += 1;
            if byte == b'\\' && escapes {
                self.at += 1;
            } else if byte == quote {
                return;
            }
        }
    }

    /// As the engine reads it: ends at a `/` outside brackets that an even number of backslashes precede.
    fn regex(&mut self) {
        let start = self.at;
        let mut end = self.at + 1;
        let mut depth = 0_i32;
        let mut backslashes = 0_usize;
        while let Some(&byte) = self.bytes.get(end) {
            let escaped = backslashes > 0;
            match byte {
                b'/' if depth == 0 && backslashes.is_multiple_of(2) => {
                    self.at = end;
                    self.punctuation(false);
                    return;
                }
                b'(' | b'[' | b'{' if !escaped => depth += 1,
                b')' | b']' | b'}' if !escaped => depth -= 1,
                _ => {}
            }
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
            end += 1;
        }
        // Never closed: the parser will say so.
        self.at = start;
        self.punctuation(true);
    }

    fn word(&mut self) {
        let start = self.at;
        while let Some(b'$' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80..) = self.byte(0) {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        let operator = !self.operand_next && matches!(word, b"and" | b"or" | b"in");
        self.comma = None;
        self.operand_next = operator;
    }
}
