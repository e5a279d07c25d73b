//! The describe answers, with every key Salesforce prints, as one user sees them.

use serde_json::{Map, Value, json};

use super::schema::{Child, Field, Kind, Object, Pick};
use super::state::{State, Table};
use super::types::{ApiError, Caller};

/// Keys shared by the item of the global describe and the whole describe, all booleans.
const GLOBAL_FLAGS: [&str; 19] = [
    "activateable",
    "createable",
    "customSetting",
    "deepCloneable",
    "deletable",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
];

fn urls(object: &Object, version: &str, whole: bool) -> Value {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    let mut urls = Map::new();
    let mut put = |key: &str, path: String| urls.insert(key.to_owned(), Value::String(path));
    if object.is("compactLayoutable") {
        put("compactLayouts", format!("{base}/describe/compactLayouts"));
    }
    put("rowTemplate", format!("{base}/{{ID}}"));
    if object.is("layoutable") {
        if whole {
            put(
                "defaultValues",
                format!("{base}/defaultValues?recordTypeId&fields"),
            );
        }
        put("approvalLayouts", format!("{base}/describe/approvalLayouts"));
        put("listviews", format!("{base}/listviews"));
    }
    put("describe", format!("{base}/describe"));
    if object.is("layoutable") {
        put("quickActions", format!("{base}/quickActions"));
        put("layouts", format!("{base}/describe/layouts"));
    }
    put("sobject", base);
    Value::Object(urls)
}

fn global_item(object: &Object, version: &str) -> Map<String, Value> {
    let mut item = Map::new();
    for key in GLOBAL_FLAGS {
        item.insert(key.to_owned(), Value::Bool(object.is(key)));
    }
    for (key, value) in [
        ("associateEntityType", Value::Null),
        ("associateParentEntity", Value::Null),
        ("custom", Value::Bool(object.name.ends_with("__c"))),
        ("deprecatedAndHidden", Value::Bool(false)),
        ("keyPrefix", json!(object.key_prefix)),
        ("label", json!(object.label)),
        ("labelPlural", json!(object.label_plural)),
        ("name", json!(object.name)),
    ] {
        item.insert(key.to_owned(), value);
    }
    item.sort_keys();
    item.insert("urls".to_owned(), urls(object, version, false));
    item
}

/// `GET /sobjects/`.
pub(crate) fn global(state: &State, version: &str) -> Value {
    let mut tables: Vec<&Table> = state.tables.iter().collect();
    tables.sort_by(|left, right| left.object.name.cmp(&right.object.name));
    let items: Vec<Value> = tables
        .into_iter()
        .map(|table| Value::Object(global_item(&table.object, version)))
        .collect();
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": items})
}

/// The `objectDescribe` of `GET /sobjects/X`.
pub(crate) fn basic(state: &State, object: &str, version: &str) -> Result<Value, ApiError> {
    let place = state.require(object)?;
    Ok(Value::Object(global_item(&state.tables[place].object, version)))
}

fn pick_json(pick: &Pick) -> Value {
    json!({
        "active": pick.active,
        "defaultValue": pick.default,
        "label": pick.label,
        "validFor": null,
        "value": pick.value,
    })
}

fn soap_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::Datetime => "xsd:dateTime",
        Kind::Address => "urn:address",
        Kind::Location => "urn:location",
        Kind::Time => "xsd:time",
        Kind::Base64 => "xsd:base64Binary",
        _ => "xsd:string",
    }
}

fn default_value(field: &Field) -> Value {
    match (&field.default, field.kind) {
        (Some(value), _) => json!(value),
        (None, Kind::Boolean) => Value::Bool(false),
        _ => Value::Null,
    }
}

/// The keys of a field that are true or false by a letter.
const FIELD_FLAGS: [(&str, u8); 28] = [
    ("aggregatable", b'g'),
    ("autoNumber", b'a'),
    ("calculated", b'c'),
    ("cascadeDelete", b'd'),
    ("caseSensitive", b's'),
    ("createable", b'C'),
    ("defaultedOnCreate", b'D'),
    ("dependentPicklist", b'p'),
    ("displayLocationInDecimal", b'y'),
    ("encrypted", b'e'),
    ("externalId", b'x'),
    ("filterable", b'f'),
    ("groupable", b'G'),
    ("htmlFormatted", b'h'),
    ("idLookup", b'K'),
    ("nameField", b'N'),
    ("namePointing", b'P'),
    ("nillable", b'n'),
    ("permissionable", b'm'),
    ("polymorphicForeignKey", b'Y'),
    ("queryByDistance", b'q'),
    ("restrictedDelete", b'r'),
    ("restrictedPicklist", b'R'),
    ("searchPrefilterable", b'S'),
    ("sortable", b'o'),
    ("unique", b'u'),
    ("updateable", b'U'),
    ("writeRequiresMasterRead", b'w'),
];

fn field_json(field: &Field) -> Value {
    let byte_length = field.byte_length.unwrap_or(match field.kind {
        Kind::Id | Kind::Reference => 18,
        _ => field.length * 3,
    });
    let mut out: Map<String, Value> = FIELD_FLAGS
        .iter()
        .map(|(key, letter)| ((*key).to_owned(), Value::Bool(field.has(*letter))))
        .collect();
    for key in [
        "aiPredictionField",
        "deprecatedAndHidden",
        "formulaTreatNullNumberAsZero",
        "highScaleNumber",
    ] {
        out.insert(key.to_owned(), Value::Bool(false));
    }
    for key in [
        "calculatedFormula",
        "controllerName",
        "defaultValueFormula",
        "filteredLookupInfo",
        "inlineHelpText",
        "mask",
        "maskType",
        "referenceTargetField",
        "relationshipOrder",
    ] {
        out.insert(key.to_owned(), Value::Null);
    }
    if field.kind == Kind::Encryptedstring {
        out.insert("mask".to_owned(), json!("*"));
        out.insert("maskType".to_owned(), json!("all"));
    }
    let picks: Vec<Value> = field.picklist.iter().map(pick_json).collect();
    for (key, value) in [
        ("byteLength", json!(byte_length)),
        ("compoundFieldName", json!(field.compound)),
        ("custom", json!(field.is_custom())),
        ("defaultValue", default_value(field)),
        ("digits", json!(field.digits)),
        ("extraTypeInfo", json!(field.extra_type_info)),
        ("label", json!(field.label)),
        ("length", json!(field.length)),
        ("name", json!(field.name)),
        ("picklistValues", Value::Array(picks)),
        ("precision", json!(field.precision)),
        ("referenceTo", json!(field.reference_to)),
        ("relationshipName", json!(field.relationship_name)),
        ("scale", json!(field.scale)),
        ("soapType", json!(soap_type(field.kind))),
        ("type", json!(field.kind.name())),
    ] {
        out.insert(key.to_owned(), value);
    }
    out.sort_keys();
    Value::Object(out)
}

fn child_json(child: &Child) -> Value {
    json!({
        "cascadeDelete": child.cascades,
        "childSObject": child.object,
        "deprecatedAndHidden": false,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.name,
        "restrictedDelete": child.restricts,
    })
}

fn record_types(state: &State, object: &Object, version: &str) -> Value {
    let info = |developer: &str, name: &str, id: &str, default: bool, master: bool| {
        json!({
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": default,
            "developerName": developer,
            "master": master,
            "name": name,
            "recordTypeId": id,
            "urls": {"layout": format!(
                "/services/data/v{version}/sobjects/{}/describe/layouts/{id}", object.name
            )},
        })
    };
    let mut infos = Vec::new();
    if object.slot("RecordTypeId").is_some()
        && let Some(table) = state.table("RecordType")
    {
        let text = |cells: &[super::cell::Cell], field: &str| {
            table.get(cells, field).as_text().unwrap_or_default().to_owned()
        };
        for row in table
            .live_rows()
            .filter(|row| text(&row.cells, "SobjectType") == object.name)
        {
            let (developer, name) = (text(&row.cells, "DeveloperName"), text(&row.cells, "Name"));
            infos.push(info(
                &developer,
                &name,
                &row.id.to_string(),
                infos.is_empty(),
                false,
            ));
        }
    }
    if object.is("layoutable") {
        infos.push(info(
            "Master",
            "Master",
            "012000000000000AAA",
            infos.is_empty(),
            true,
        ));
    }
    Value::Array(infos)
}

/// `GET /sobjects/X/describe`.
pub(crate) fn object(state: &State, caller: &Caller, object: &str, version: &str) -> Result<Value, ApiError> {
    let user = State::user(caller);
    let table = &state.tables[state.require(object)?];
    let object = &table.object;
    let visible_child = |child: &&Child| {
        state
            .table(&child.object)
            .is_some_and(|table| table.visible_slot(user, &child.field).is_some())
    };
    let children: Vec<Value> = object
        .child_relationships
        .iter()
        .filter(visible_child)
        .map(child_json)
        .collect();
    let fields: Vec<Value> = table
        .visible_fields(user)
        .map(|(_, field)| field_json(field))
        .collect();
    let scopes: Vec<Value> = object
        .scopes
        .iter()
        .map(|(name, label)| json!({"label": label, "name": name}))
        .collect();
    let mut out = global_item(object, version);
    for key in ["compactLayoutable", "searchLayoutable"] {
        out.insert(key.to_owned(), Value::Bool(object.is(key)));
    }
    for key in [
        "defaultImplementation",
        "extendedBy",
        "extendsInterfaces",
        "implementedBy",
        "implementsInterfaces",
        "listviewable",
        "lookupLayoutable",
        "networkScopeFieldName",
    ] {
        out.insert(key.to_owned(), Value::Null);
    }
    for (key, value) in [
        ("actionOverrides", json!([])),
        ("childRelationships", Value::Array(children)),
        ("fields", Value::Array(fields)),
        ("namedLayoutInfos", json!([])),
        ("recordTypeInfos", record_types(state, object, version)),
        ("sobjectDescribeOption", json!("FULL")),
        ("supportedScopes", Value::Array(scopes)),
        ("urls", urls(object, version, true)),
    ] {
        out.insert(key.to_owned(), value);
    }
    out.sort_keys();
    Ok(Value::Object(out))
}

#[cfg(test)]
mod tests;
