//! The shapes callers see: JSON Schemas in YAML, with the parts that resources share in `_shared.yaml`.

use serde_json::{Map, Value, json};

use super::source::{DOCUMENT_MAX_BYTES, Source};
use crate::error::DocumentError;
use crate::schema::{ResourceSchema, SchemaField, Shape};

/// The file beside the resources that holds what they share: `$defs`, and `properties` every resource has.
pub(super) const SHARED_FILE: &str = "_shared.yaml";
/// Deepest nesting of shapes.
const SHAPE_DEPTH_MAX: usize = 8;

/// The dialect of all schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Reads the shared file.
pub(super) fn read_shared(source: Source<'_>) -> Result<Value, DocumentError> {
    source.read(DOCUMENT_MAX_BYTES)
}

/// Reads one resource's schema and puts the shared parts into it, so that it stands alone.
pub(super) fn read_schema(
    name: &str,
    source: Source<'_>,
    shared: &Value,
) -> Result<ResourceSchema, DocumentError> {
    let mut json: Value = source.read(DOCUMENT_MAX_BYTES)?;
    relink(&mut json);
    compose(&mut json, shared);
    from_json(name, json).map_err(|message| DocumentError::new(source.name, Some("properties"), message))
}

/// A shape from a schema that stands alone.
pub(super) fn from_json(name: &str, json: Value) -> Result<ResourceSchema, String> {
    let Shape::Object(fields) = shape(&json, &json, 0)? else {
        return Err("the schema must be of `type: object` with `properties`".to_owned());
    };
    Ok(ResourceSchema {
        name: name.to_owned(),
        json,
        fields,
    })
}

/// A shape for a resource that nobody described: what every resource has.
pub(super) fn bare(name: &str, shared: &Value) -> Result<ResourceSchema, String> {
    let mut json =
        json!({ "title": name, "type": "object", "properties": { "name": { "type": ["string", "null"] } } });
    compose(&mut json, shared);
    from_json(name, json)
}

/// `_shared.yaml#/$defs/x` as `#/$defs/x`.
fn relink(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(link) if key == "$ref" => {
                        if let Some(local) = link.strip_prefix(SHARED_FILE) {
                            *link = local.to_owned();
                        }
                    }
                    other => relink(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(relink),
        _ => {}
    }
}

/// Shared properties around the resource's own: ids and dates first, free-form parts last.
fn compose(json: &mut Value, shared: &Value) {
    let mut shared = shared.clone();
    relink(&mut shared);
    let part = |name: &str| {
        shared
            .get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let Some(schema) = json.as_object_mut() else {
        return;
    };
    let own = match schema.shift_remove("properties") {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    let mut properties = Map::new();
    for (name, property) in part("properties")
        .into_iter()
        .chain(own)
        .chain(part("properties_after"))
    {
        properties.insert(name, property);
    }
    schema.shift_remove("allOf");
    schema.insert("$schema".to_owned(), Value::from(DIALECT));
    schema.insert("type".to_owned(), Value::from("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("$defs".to_owned(), Value::Object(part("$defs")));
}

/// Compiles a schema into the shape that results are fitted to.
fn shape(schema: &Value, root: &Value, depth: usize) -> Result<Shape, String> {
    if depth > SHAPE_DEPTH_MAX {
        return Err(format!(
            "the schema is nested more than {SHAPE_DEPTH_MAX} levels deep"
        ));
    }
    if let Some(link) = schema.get("$ref").and_then(Value::as_str) {
        let target = link.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        let target = target.ok_or_else(|| format!("`$ref: {link}` leads nowhere"))?;
        return shape(target, root, depth + 1);
    }
    let format = schema.get("format").and_then(Value::as_str);
    Ok(match kind(schema)? {
        "string" if format == Some("date-time") => Shape::DateTime,
        "string" if format == Some("date") => Shape::Date,
        "string" => Shape::Text,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "boolean" => Shape::Boolean,
        "array" => {
            let items = schema
                .get("items")
                .map_or(Ok(Shape::Any), |items| shape(items, root, depth + 1))?;
            Shape::List(Box::new(items))
        }
        "object" => match schema.get("properties").and_then(Value::as_object) {
            None => Shape::OpenObject,
            Some(properties) => {
                let fields = properties
                    .iter()
                    .map(|(name, schema)| field(name, schema, root, depth));
                Shape::Object(fields.collect::<Result<_, _>>()?)
            }
        },
        _ => Shape::Any,
    })
}

fn field(name: &str, schema: &Value, root: &Value, depth: usize) -> Result<SchemaField, String> {
    let on = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    Ok(SchemaField {
        name: name.to_owned(),
        shape: shape(schema, root, depth + 1).map_err(|error| format!("{name}: {error}"))?,
        read_only: on("readOnly"),
        on_request: on("x-on-request"),
        values: enumeration(schema),
    })
}

/// The texts of a schema's `enum`.
fn enumeration(schema: &Value) -> Vec<String> {
    let values = schema.get("enum").and_then(Value::as_array);
    let texts = values.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The one type besides `null`.
fn kind(schema: &Value) -> Result<&str, String> {
    match schema.get("type") {
        None => Ok("any"),
        Some(Value::String(kind)) => Ok(kind),
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds
                .iter()
                .filter_map(Value::as_str)
                .filter(|kind| *kind != "null");
            match (kinds.next(), kinds.next()) {
                (Some(kind), None) => Ok(kind),
                _ => Err("`type` is one type, or one type and `null`".to_owned()),
            }
        }
        Some(_) => Err("`type` is a text or a list of texts".to_owned()),
    }
}
