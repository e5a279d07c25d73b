//! XML as values. What is written keeps its order: `[{"a": 1}, {"b": 2}]`; what is read becomes objects by local names.

#[cfg(test)]
mod tests;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// Most elements inside each other, written or read.
const DEPTH_MAX: usize = 32;
/// Longest name of an element or attribute, bytes.
const NAME_MAX_BYTES: usize = 200;
/// In place of a content: the connection's credential, which no document sees.
const CREDENTIAL: &str = "@credential";

/// A document of XML, and where the connection's credential belongs in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct XmlText {
    /// The text without the credential.
    pub text: String,
    /// The byte before which the access token is written, by [`xml_escaped`].
    pub credential_at: Option<usize>,
}

/// A text as the content of an element or the value of an attribute; `None` when it holds a character that XML cannot.
pub fn xml_escaped(text: &str) -> Option<String> {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&apos;"),
            // Left bare, readers would make another blank of them.
            '\t' => written.push_str("&#9;"),
            '\n' => written.push_str("&#10;"),
            '\r' => written.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => return None,
            control if control < ' ' => return None,
            plain => written.push(plain),
        }
    }
    Some(written)
}

/// Writes `{"name": content}`. Content is a scalar, or a list of `{"name": content}`, `{"@attribute": scalar}` and
/// `{"@credential": true}`; an element whose content is null is left out.
pub(crate) fn write(document: &Value) -> Result<XmlText, String> {
    let mut roots = document.as_object().into_iter().flatten();
    let (Some((name, content)), None) = (roots.next(), roots.next()) else {
        return Err("a document of XML has one outermost element".to_owned());
    };
    let mut writer = Writer::default();
    writer.text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.element(name, content, 0)?;
    Ok(XmlText {
        text: writer.text,
        credential_at: writer.credential_at,
    })
}

#[derive(Default)]
struct Writer {
    text: String,
    credential_at: Option<usize>,
}

impl Writer {
    fn element(&mut self, name: &str, content: &Value, depth: usize) -> Result<(), String> {
        if depth >= DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements inside each other"));
        }
        check_name(name)?;
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in parts(content).filter_map(attribute) {
            check_name(name)?;
            self.push(&[" ", name, "=\""]);
            self.scalar(value)?;
            self.text.push('"');
        }
        self.text.push('>');
        if !matches!(content, Value::Array(_) | Value::Object(_)) {
            self.scalar(content)?;
        }
        for (name, value) in parts(content) {
            match (name.as_str(), value) {
                (CREDENTIAL, Value::Bool(true)) if self.credential_at.is_none() => {
                    self.credential_at = Some(self.text.len());
                }
                (CREDENTIAL, _) => return Err("`@credential` is true, once".to_owned()),
                (name, _) if name.starts_with('@') => {}
                (_, Value::Null) => {}
                (name, value) => self.element(name, value, depth + 1)?,
            }
        }
        self.push(&["</", name, ">"]);
        Ok(())
    }

    fn push(&mut self, parts: &[&str]) {
        self.text.extend(parts.iter().copied());
    }

    fn scalar(&mut self, value: &Value) -> Result<(), String> {
        let text = match value {
            Value::String(text) => {
                xml_escaped(text).ok_or("a text holds a character that XML cannot hold")?
            }
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return Err("an attribute is a text, a number, true or false".to_owned()),
        };
        self.text.push_str(&text);
        Ok(())
    }
}

/// The named parts of a content, in their order.
fn parts(content: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let items = match content {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().filter_map(Value::as_object).flatten()
}

fn attribute<'a>((name, value): (&'a String, &'a Value)) -> Option<(&'a str, &'a Value)> {
    let name = name.strip_prefix('@').filter(|_| name != CREDENTIAL)?;
    Some((name, value))
}

fn check_name(name: &str) -> Result<(), String> {
    let is_part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if name.len() <= NAME_MAX_BYTES && name.split(':').count() <= 2 && name.split(':').all(is_part) {
        Ok(())
    } else {
        Err(format!(
            "`{}` is no name of XML",
            name.chars().take(60).collect::<String>()
        ))
    }
}

/// An element being read.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    fields: Map<String, Value>,
    is_nil: bool,
}

impl Open {
    fn of(start: &BytesStart<'_>) -> Self {
        let is_nil = start.attributes().filter_map(Result::ok).any(|attribute| {
            attribute.key.local_name().as_ref() == "nil" && matches!(attribute.value.as_ref(), "true" | "1")
        });
        Self {
            name: start.local_name().as_ref().to_owned(),
            is_nil,
            ..Self::default()
        }
    }

    fn into_value(self) -> Value {
        if self.is_nil {
            Value::Null
        } else if self.fields.is_empty() {
            Value::String(self.text)
        } else {
            Value::Object(self.fields)
        }
    }

    fn put(&mut self, name: String, value: Value) {
        match self.fields.get_mut(&name) {
            None => {
                self.fields.insert(name, value);
            }
            Some(Value::Array(items)) => items.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
}

/// Reads a document: elements by their local names, those that repeat as lists, those without elements as texts, `nil` ones
/// as null. Attributes are not kept. `None` for what is no XML, or declares entities.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() <= DEPTH_MAX => open.push(Open::of(&start)),
            Event::Empty(start) => close(&mut open, Open::of(&start))?,
            Event::End(_) if open.len() > 1 => {
                let element = open.pop()?;
                close(&mut open, element)?;
            }
            Event::Text(content) => open.last_mut()?.text.push_str(&content.xml10_content()),
            Event::CData(content) => open.last_mut()?.text.push_str(&content.xml10_content()),
            Event::GeneralRef(reference) => {
                let into = &mut open.last_mut()?.text;
                match reference.resolve_char_ref().ok()? {
                    Some(character) => into.push(character),
                    None => into.push_str(resolve_predefined_entity(&reference.xml10_content())?),
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if open.len() == 1 => {
                let fields = open.pop()?.fields;
                return (fields.len() == 1).then_some(Value::Object(fields));
            }
            Event::Start(_) | Event::End(_) | Event::DocType(_) | Event::Eof => return None,
        }
    }
}

fn close(open: &mut [Open], mut element: Open) -> Option<()> {
    let name = std::mem::take(&mut element.name);
    open.last_mut()?.put(name, element.into_value());
    Some(())
}
