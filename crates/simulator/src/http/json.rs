//! JSON in and out: Jackson's parser messages and its pretty printer, which the real server uses.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

use super::call::Call;
use super::errors;
use super::reply::Reply;

/// Reads a JSON object body. 415 for another media type, 400 `JSON_PARSER_ERROR` for bad text.
pub(crate) fn read_object(call: &Call) -> Result<Map<String, Value>, Reply> {
    match read(call)? {
        Value::Object(map) => Ok(map),
        other => Err(parser_error(&format!(
            "Cannot deserialize value of type `java.util.LinkedHashMap` from {} value",
            kind(&other)
        ))),
    }
}

/// Reads any JSON body.
pub(crate) fn read(call: &Call) -> Result<Value, Reply> {
    let content_type = call.header("content-type").unwrap_or("");
    let media = content_type.split(';').next().unwrap_or("").trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(errors::refuse(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            &format!("Content-Type Header specified in HTTP request is not supported: {media}"),
        ));
    }
    serde_json::from_slice(&call.body).map_err(|error| parser_error(&explain(&call.body, &error)))
}

/// 400 `JSON_PARSER_ERROR`.
pub(crate) fn parser_error(message: &str) -> Reply {
    errors::refuse(400, "JSON_PARSER_ERROR", message)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

/// Says what Jackson says: the offending character, its code, and where.
fn explain(body: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        return format!("Unexpected end-of-input at [line:{line}, column:{}]", column + 1);
    }
    let text = String::from_utf8_lossy(body);
    let reason = error.to_string();
    let found = text
        .lines()
        .nth(line.saturating_sub(1))
        .and_then(|row| row.chars().nth(column.saturating_sub(1)));
    let Some(found) = found else {
        return format!("Unexpected content at [line:{line}, column:{column}]");
    };
    let expected = if reason.starts_with("key must be a string") || reason.starts_with("trailing comma") {
        "double-quote to start field name"
    } else if reason.starts_with("expected `,`") {
        "comma to separate entries"
    } else if reason.starts_with("expected `:`") {
        "a colon to separate field name and value"
    } else {
        "a valid value (number, String, array, object, 'true', 'false' or 'null')"
    };
    format!(
        "Unexpected character ('{found}' (code {})): was expecting {expected} at [line:{line}, column:{column}]",
        u32::from(found)
    )
}

/// Prints JSON compact, or as Jackson's pretty printer does (`"totalSize" : 0`).
pub(crate) fn print(value: &Value, pretty: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = if pretty {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, Jackson { depth: 0 }))
    } else {
        value.serialize(&mut Serializer::new(&mut bytes))
    };
    if let Err(error) = written {
        // A `Value` always prints; reaching this would be a bug of ours and must show.
        tracing::error!(%error, "a JSON answer could not be printed");
    }
    bytes
}

/// Objects on lines of two spaces, arrays in line.
struct Jackson {
    depth: usize,
}

impl Jackson {
    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        for _ in 0..self.depth {
            writer.write_all(b"  ")?;
        }
        Ok(())
    }
}

impl Formatter for Jackson {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"[ ")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" ]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        self.line(writer)?;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.line(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b" : ")
    }
}
