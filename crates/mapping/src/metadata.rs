//! What a provider says about an object and its fields, in our words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::drift::Changes;

/// The kind of a field, whatever the provider calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A record's own id.
    Id,
    /// A short text.
    #[serde(alias = "string")]
    Text,
    /// A text that is too long to filter or sort by.
    LongText,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    #[serde(alias = "number")]
    Decimal,
    /// A day: `YYYY-MM-DD`.
    Date,
    /// An instant.
    #[serde(rename = "datetime", alias = "date_time")]
    DateTime,
    /// A time of day.
    Time,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A URL.
    Url,
    /// One of a list of values.
    Picklist,
    /// Several of a list of values.
    MultiPicklist,
    /// Another record's id.
    Reference,
    /// A compound address.
    Address,
    /// Anything else: neither filtered nor sorted by.
    Other,
}

/// One value of a picklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldOption {
    /// What is stored.
    pub value: String,
    /// What people see.
    pub label: String,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact that the provider tells about the field"
)]
pub struct FieldMetadata {
    /// The provider's name, as it writes it.
    pub name: String,
    /// What people see.
    #[serde(default)]
    pub label: String,
    /// The kind, by `metadata.kinds` of the provider document.
    #[serde(default = "other")]
    pub kind: FieldKind,
    /// The provider's own name of the kind.
    #[serde(default)]
    pub remote_type: String,
    /// Help text.
    #[serde(default)]
    pub description: Option<String>,
    /// Made by the customer, not by the provider.
    #[serde(default)]
    pub is_custom: bool,
    /// May stand in a filter.
    #[serde(default)]
    pub is_filterable: bool,
    /// May stand in a sort.
    #[serde(default)]
    pub is_sortable: bool,
    /// May be given on create.
    #[serde(default)]
    pub is_creatable: bool,
    /// May be given on update.
    #[serde(default)]
    pub is_updatable: bool,
    /// Must be given on create.
    #[serde(default)]
    pub is_required: bool,
    /// No two records may share a value.
    #[serde(default)]
    pub is_unique: bool,
    /// Computed by the provider.
    #[serde(default)]
    pub is_calculated: bool,
    /// Can name a record in an upsert.
    #[serde(default)]
    pub is_external_id: bool,
    /// Longest value, characters.
    #[serde(default)]
    pub max_length: Option<u32>,
    /// Digits in all.
    #[serde(default)]
    pub precision: Option<u32>,
    /// Digits after the point.
    #[serde(default)]
    pub scale: Option<u32>,
    /// The value a new record gets when none is given.
    #[serde(default)]
    pub default_value: Option<String>,
    /// Objects that a reference may point to.
    #[serde(default)]
    pub reference_to: Vec<String>,
    /// The name of the path through a reference: `Account` of `Account.Name`.
    #[serde(default)]
    pub relationship_name: Option<String>,
    /// The values of a picklist.
    #[serde(default)]
    pub options: Vec<FieldOption>,
}

impl FieldMetadata {
    /// A field of which nothing but its name and kind is known.
    pub(crate) fn named(name: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            remote_type: String::new(),
            description: None,
            is_custom: false,
            is_filterable: false,
            is_sortable: false,
            is_creatable: false,
            is_updatable: false,
            is_required: false,
            is_unique: false,
            is_calculated: false,
            is_external_id: false,
            max_length: None,
            precision: None,
            scale: None,
            default_value: None,
            reference_to: Vec::new(),
            relationship_name: None,
            options: Vec::new(),
        }
    }
}

/// A relationship from an object to rows that point at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildMetadata {
    /// The relationship's name: `OpportunityContactRoles`.
    pub name: String,
    /// The object of the rows.
    pub object: String,
}

const fn other() -> FieldKind {
    FieldKind::Other
}

/// One object as this connection's user sees it: fields hidden from the user are absent.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectMetadata {
    /// The provider's name.
    pub object: String,
    /// What people see.
    pub label: String,
    /// The fields, in the provider's order.
    pub fields: Vec<FieldMetadata>,
    /// Relationships to rows that point at it, where the provider tells them.
    pub children: Vec<ChildMetadata>,
    #[serde(skip)]
    by_name: HashMap<String, usize>,
    #[serde(skip)]
    custom: HashMap<String, FieldKind>,
    #[serde(skip)]
    pub(crate) changes: Changes,
}

impl ObjectMetadata {
    /// About how many bytes of memory it takes.
    pub fn weight_bytes(&self) -> usize {
        /// What a name costs in the two tables of fields, beside itself.
        const ENTRY_BYTES: usize = 64;
        let texts = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.len() + size_of::<String>())
                .sum::<usize>()
        };
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let options = |field: &FieldMetadata| {
            let options = field.options.iter();
            options
                .map(|option| option.value.len() + option.label.len() + size_of::<FieldOption>())
                .sum::<usize>()
        };
        let fields = self.fields.iter().map(|field| {
            size_of::<FieldMetadata>()
                + 2 * (field.name.len() + ENTRY_BYTES)
                + field.name.len()
                + field.label.len()
                + field.remote_type.len()
                + optional(&field.description)
                + optional(&field.default_value)
                + optional(&field.relationship_name)
                + texts(&field.reference_to)
                + options(field)
        });
        let children = self.children.iter();
        let children =
            children.map(|child| child.name.len() + child.object.len() + size_of::<ChildMetadata>());
        size_of::<Self>() + fields.sum::<usize>() + children.sum::<usize>()
    }

    /// An object with its fields; of two fields whose names differ only by case the first is found.
    pub fn new(object: String, label: String, fields: Vec<FieldMetadata>) -> Self {
        let mut by_name = HashMap::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            by_name.entry(field.name.to_ascii_lowercase()).or_insert(index);
        }
        let custom = fields
            .iter()
            .filter(|field| field.is_custom)
            .map(|field| (field.name.clone(), field.kind))
            .collect();
        Self {
            object,
            label,
            fields,
            children: Vec::new(),
            by_name,
            custom,
            changes: Changes::default(),
        }
    }

    /// The same object, with the relationships to rows that point at it.
    #[must_use]
    pub fn with_children(mut self, children: Vec<ChildMetadata>) -> Self {
        self.children = children;
        self
    }

    /// The relationship of this name to rows that point at the object, upper and lower case alike.
    pub fn child(&self, name: &str) -> Option<&ChildMetadata> {
        self.children
            .iter()
            .find(|child| child.name.eq_ignore_ascii_case(name))
    }

    /// The field of this name, upper and lower case alike.
    pub fn field(&self, name: &str) -> Option<&FieldMetadata> {
        let index = self.by_name.get(&name.to_ascii_lowercase())?;
        self.fields.get(*index)
    }

    /// The kind of the custom field that records call exactly so. Asked for every key of every record.
    pub fn custom_kind(&self, name: &str) -> Option<FieldKind> {
        self.custom.get(name).copied()
    }

    /// The reference field whose relationship has this name: `OwnerId` for `Owner`.
    pub fn relationship(&self, name: &str) -> Option<&FieldMetadata> {
        self.fields.iter().find(|field| {
            field
                .relationship_name
                .as_deref()
                .is_some_and(|relationship| relationship.eq_ignore_ascii_case(name))
        })
    }
}
