//! What an expression reads, handed to the engine by reference: nothing is copied that it does not reach.

use std::rc::Rc;

use jlens_core::input::{Sink, Source, Sources};
use serde_json::Value;

/// The top of an expression's input: an object of named values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Names and values.
    pub(crate) fields: &'a [(&'a str, &'a Value)],
    /// Keys left out of every object, at any depth.
    pub(crate) strip: &'a [String],
}

/// The whole of one value as input, with no name above it.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole<'a>(pub(crate) &'a Value);

/// The object of named values, as the only value of the topmost level.
struct Top<'a>(Input<'a>);

/// The arrays and objects of one level, held together so that each costs no allocation of its own.
struct Level<'a> {
    members: Vec<&'a Value>,
    strip: &'a [String],
}

impl<'a> Source<'a> for Input<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        sink.object(Top(*self));
        Ok(())
    }
}

impl<'a> Source<'a> for Top<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        let Input { fields, strip } = self.0;
        let level = Rc::new(Level {
            members: fields.iter().map(|(_, value)| *value).collect(),
            strip,
        });
        for (index, (name, value)) in (0..).zip(fields) {
            sink.key(name);
            write(sink, value, &level, index);
        }
        Ok(())
    }
}

#[cfg(test)]
impl<'a> Source<'a> for Whole<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        let level = Rc::new(Level {
            members: vec![self.0],
            strip: &[],
        });
        write(sink, self.0, &level, 0);
        Ok(())
    }
}

impl Level<'_> {
    fn kept(&self, key: &str) -> bool {
        !self.strip.iter().any(|name| name == key)
    }
}

impl<'a> Sources<'a> for Level<'a> {
    fn read(&self, index: u32, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        match self.members.get(index as usize) {
            Some(Value::Array(items)) => {
                let level = self.below(items.iter());
                sink.reserve(items.len());
                let mut next = 0;
                for item in items {
                    write(sink, item, &level, next);
                    next += u32::from(is_nested(item));
                }
            }
            Some(Value::Object(fields)) => {
                let kept = || fields.iter().filter(|(key, _)| self.kept(key));
                let level = self.below(kept().map(|(_, value)| value));
                sink.reserve(fields.len());
                let mut next = 0;
                for (key, value) in kept() {
                    sink.key(key);
                    write(sink, value, &level, next);
                    next += u32::from(is_nested(value));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn length(&self, index: u32) -> Option<usize> {
        match self.members.get(index as usize) {
            Some(Value::Array(items)) => Some(items.len()),
            _ => None,
        }
    }
}

impl<'a> Level<'a> {
    /// The arrays and objects among the values of a level below this one.
    fn below(&self, values: impl Iterator<Item = &'a Value>) -> Rc<Self> {
        Rc::new(Self {
            members: values.filter(|value| is_nested(value)).collect(),
            strip: self.strip,
        })
    }
}

const fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_))
}

/// Writes one value; an array or object as member `index` of its level.
fn write<'a>(sink: &mut Sink<'_, 'a>, value: &'a Value, level: &Rc<Level<'a>>, index: u32) {
    match value {
        Value::Null => sink.null(),
        Value::Bool(value) => sink.bool(*value),
        Value::Number(number) => sink.number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => sink.string(text),
        Value::Array(_) => sink.array_of(level, index),
        Value::Object(_) => sink.object_of(level, index),
    }
}
