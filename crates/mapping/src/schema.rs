//! The shapes that callers see, from `mappings/unified/<model>/<resource>.yaml`.

use serde_json::Value;

/// The shape of one value of a unified record, compiled from its JSON Schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Text.
    Text,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An instant, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    DateTime,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list; missing is `[]`.
    List(Box<Shape>),
    /// An object with these fields, in this order.
    Object(Vec<SchemaField>),
    /// An object whose keys are the record's own, as `custom_fields`; missing is `{}`.
    OpenObject,
    /// Anything.
    Any,
}

/// One field of an object shape.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaField {
    /// The unified name.
    pub name: String,
    /// What its value looks like.
    pub shape: Shape,
    /// The provider sets it: it is refused in a body.
    pub read_only: bool,
    /// Present only when asked for, as `remote_data`.
    pub on_request: bool,
    /// The only texts it may hold, the schema's `enum`; any when empty.
    pub values: Vec<String>,
}

/// The shape of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceSchema {
    /// The resource: `contacts`.
    pub name: String,
    /// The JSON Schema, draft 2020-12.
    pub json: Value,
    /// The fields in the order callers get them.
    pub fields: Vec<SchemaField>,
}

impl ResourceSchema {
    /// The names of all fields, in the order callers get them.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&SchemaField> {
        self.fields.iter().find(|field| field.name == name)
    }
}
