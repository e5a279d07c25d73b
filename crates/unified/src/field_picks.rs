//! Fields picked for unified names: what may be picked, from what, and whether picks can be kept. The mapping page stands on
//! this; what it keeps is the short form of the connection's override.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapping::{FieldKind, FieldMap, FieldMetadata, Method, ObjectMetadata, OverrideSource, Plan, Shape};
use store::{Connection, MappingOverride, OverrideLevel, StoreError, Tenant};

use crate::Error;
use crate::objects::CUSTOM_OBJECTS;
use crate::pipeline::{Unified, level_name};

/// Longest unified name of the customer's own, characters.
const NAME_MAX_CHARS: usize = 100;
/// Fields offered in place of one that is not there.
const OFFERED_MAX: usize = 3;

/// Unified names of a connection's resource, the fields that may fill them, and the connection's picks.
#[derive(Debug, Clone)]
pub struct FieldPicks {
    /// The version of the connection's override; 0 where there is none.
    pub version: i64,
    /// The names that a field can be picked for: those of the resource, then the tenant's own.
    pub names: Vec<PickableName>,
    /// What the connection has picked: unified name to provider field.
    pub picks: BTreeMap<String, String>,
    /// The fields that the connection's user sees.
    pub metadata: Arc<ObjectMetadata>,
    document: Option<String>,
    /// Names of the resource for which nothing can be picked.
    reserved: Vec<String>,
}

/// A unified name that a field can be picked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PickableName {
    /// The name.
    pub name: String,
    /// What its values look like; none where the provider's are answered as they are.
    pub shape: Option<Shape>,
    /// The provider fields that fill it when nothing is picked.
    pub filled_by: Vec<String>,
}

/// A pick that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickMistake {
    /// The unified name.
    pub name: String,
    /// What is wrong with it, for a person.
    pub message: String,
}

impl Unified {
    /// The resources of a connection in which fields can be picked: those that ship, and the tenant's own.
    pub async fn pickable_resources(
        &self,
        tenant: &Tenant,
        connection: &Connection,
    ) -> Result<Vec<String>, Error> {
        let provider = connection.provider.as_str();
        let shared = CUSTOM_OBJECTS.trim_end_matches('/');
        let mut resources: Vec<String> = self
            .catalog
            .provider_resources(provider)
            .filter(|name| *name != shared)
            .map(str::to_owned)
            .collect();
        for own in self.store.list_overrides(tenant).await? {
            let is_new = own.provider == provider && !resources.contains(&own.resource);
            if is_new && own.level == OverrideLevel::Tenant && own.resource != shared {
                resources.push(own.resource);
            }
        }
        let mut pickable = Vec::with_capacity(resources.len());
        for resource in resources {
            let overrides = self.store.overrides_for(tenant, connection, &resource).await?;
            // A resource whose override cannot be used is told as that when it is opened.
            let plan = self.plan_with(provider, &resource, &overrides, |_| true);
            if plan.is_ok_and(|plan| is_pickable(&plan)) {
                pickable.push(resource);
            }
        }
        Ok(pickable)
    }

    /// What can be picked in a resource, and what is.
    pub async fn field_picks(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
    ) -> Result<FieldPicks, Error> {
        let level = OverrideLevel::Connection(connection.id.clone());
        let kept = self
            .store
            .get_override(tenant, &level, &connection.provider, resource)
            .await;
        let (version, document) = match kept {
            Ok(kept) => (kept.version, Some(kept.document)),
            Err(StoreError::NotFound) => (0, None),
            Err(error) => return Err(error.into()),
        };
        let overrides = self.store.overrides_for(tenant, connection, resource).await?;
        let below = self.plan_with(&connection.provider, resource, &overrides, |own| {
            own.level == OverrideLevel::Tenant
        })?;
        if !is_pickable(&below) {
            return Err(Error::Unsupported {
                resource: resource.to_owned(),
                method: "mapped",
            });
        }
        let metadata = self
            .job_with(tenant, connection, Arc::clone(&below))?
            .metadata()
            .await?;
        let picks = match &document {
            Some(document) => picks_of(document)?,
            None => BTreeMap::new(),
        };
        let names = names(&below, &metadata);
        let fields = below.schema.field_names();
        let reserved = fields.filter(|field| names.iter().all(|known| known.name != *field));
        Ok(FieldPicks {
            version,
            reserved: reserved.map(str::to_owned).collect(),
            names,
            picks,
            metadata,
            document,
        })
    }

    /// The picks of an earlier version of the connection's override; none of version 0, nor of a deletion.
    pub async fn field_picks_of_version(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        resource: &str,
        version: i64,
    ) -> Result<BTreeMap<String, String>, Error> {
        let level = OverrideLevel::Connection(connection.id.clone());
        let found = self
            .store
            .override_version(tenant, &level, &connection.provider, resource, version)
            .await;
        match found {
            Ok(found) => found
                .document
                .as_deref()
                .map_or_else(|| Ok(BTreeMap::new()), picks_of),
            Err(StoreError::NotFound) => Ok(BTreeMap::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps picks over the version that they were made from; a conflict of the store's when another one stands now.
    pub async fn keep_field_picks(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        resource: &str,
        seen: &FieldPicks,
        picks: &BTreeMap<String, String>,
    ) -> Result<MappingOverride, Error> {
        let document = seen.document(picks)?;
        self.check_override(&connection.provider, resource, &document)?;
        let level = OverrideLevel::Connection(connection.id.clone());
        let kept = self
            .store
            .replace_override(
                tenant,
                &level,
                &connection.provider,
                resource,
                &document,
                seen.version,
            )
            .await?;
        Ok(kept)
    }

    fn plan_with(
        &self,
        provider: &str,
        resource: &str,
        overrides: &[MappingOverride],
        is_wanted: impl Fn(&MappingOverride) -> bool,
    ) -> Result<Arc<Plan>, Error> {
        let sources: Vec<OverrideSource<'_>> = overrides
            .iter()
            .filter(|own| is_wanted(own))
            .map(|own| OverrideSource {
                level_name: level_name(&own.level),
                document: &own.document,
            })
            .collect();
        self.plan(provider, resource, &sources)
    }
}

impl FieldPicks {
    /// The override's document with these picks; what else it holds stays, names that it takes away among that.
    pub fn document(&self, picks: &BTreeMap<String, String>) -> Result<String, Error> {
        let unusable = |error| Error::InvalidOverride(vec![error]);
        let mut entries: FieldMap = match &self.document {
            Some(document) => mapping::field_map(document).map_err(unusable)?,
            None => FieldMap::new(),
        };
        entries.retain(|name, field| field.is_none() && !picks.contains_key(name));
        let picked = picks
            .iter()
            .map(|(name, field)| (name.clone(), Some(field.clone())));
        entries.extend(picked);
        mapping::with_field_map(self.document.as_deref(), &entries).map_err(unusable)
    }

    /// The name of the field that a person means: by its name, whatever the case, or by a label that only one field has.
    /// A path through a reference stays as it is.
    pub fn field_named(&self, text: &str) -> Option<String> {
        if let Some(field) = self.metadata.field(text) {
            return Some(field.name.clone());
        }
        if self.is_path(text) {
            return Some(text.to_owned());
        }
        let is_labelled = |field: &&FieldMetadata| field.label.to_lowercase() == text.to_lowercase();
        let mut labelled = self.metadata.fields.iter().filter(is_labelled);
        match (labelled.next(), labelled.next()) {
            (Some(field), None) => Some(field.name.clone()),
            _ => None,
        }
    }

    /// What stands in the way of keeping these picks, by the unified name.
    pub fn mistakes(&self, picks: &BTreeMap<String, String>) -> Vec<PickMistake> {
        let told = picks.iter().filter_map(|(name, field)| {
            let message = self.mistake(name, field)?;
            Some(PickMistake {
                name: name.clone(),
                message,
            })
        });
        told.collect()
    }

    fn mistake(&self, name: &str, text: &str) -> Option<String> {
        let known = self.names.iter().find(|known| known.name == name);
        // A document may map names that the page would not.
        let is_new = !self.picks.contains_key(name);
        if is_new && self.reserved.iter().any(|reserved| reserved == name) {
            return Some(format!("`{name}` is filled in another way; choose another name."));
        }
        if is_new && known.is_none() && !is_name(name) {
            return Some(format!(
                "A name has 1 to {NAME_MAX_CHARS} lower-case letters, digits and `_`, and begins with a letter."
            ));
        }
        let Some(field) = self.metadata.field(text) else {
            return (!self.is_path(text)).then(|| self.unknown(text));
        };
        let shape = known.and_then(|known| known.shape.as_ref())?;
        (!fits(shape, field)).then(|| {
            format!(
                "It takes {}; {} holds {}.",
                shape_words(shape),
                field.name,
                kind_words(field.kind)
            )
        })
    }

    fn unknown(&self, text: &str) -> String {
        let shown: String = text.chars().take(60).collect();
        let wanted = text.to_lowercase();
        let is_like = |field: &&FieldMetadata| {
            field.name.to_lowercase().contains(&wanted) || field.label.to_lowercase().contains(&wanted)
        };
        let alike = self.metadata.fields.iter().filter(is_like);
        let names: Vec<&str> = alike.take(OFFERED_MAX).map(|field| field.name.as_str()).collect();
        if names.is_empty() {
            format!("There is no field `{shown}` that the connected user can see.")
        } else {
            format!("There is no field `{shown}`. Did you mean {}?", names.join(", "))
        }
    }

    /// Whether a text is a path whose first step is a reference of the object.
    fn is_path(&self, text: &str) -> bool {
        let is_step = |step: &str| {
            step.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && step
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match text.split_once('.') {
            Some((first, rest)) => {
                let steps = rest.split('.');
                text.len() <= 255
                    && steps.clone().count() <= 5
                    && steps.clone().all(is_step)
                    && self.metadata.relationship(first).is_some()
            }
            None => false,
        }
    }
}

fn picks_of(document: &str) -> Result<BTreeMap<String, String>, Error> {
    let entries = mapping::field_map(document).map_err(|error| Error::InvalidOverride(vec![error]))?;
    Ok(entries
        .into_iter()
        .filter_map(|(name, field)| Some((name, field?)))
        .collect())
}

/// Whether customers have fields in it: what the provider does not describe has none of theirs.
fn is_pickable(plan: &Plan) -> bool {
    plan.supports(Method::List) && plan.supports(Method::Get) && plan.own_metadata().is_none()
}

/// Names of single values that may be written, then those that overrides of the tenant's have made.
fn names(plan: &Plan, metadata: &ObjectMetadata) -> Vec<PickableName> {
    let filled_by = |name: &str| {
        if let Some(field) = plan.field_map.get(name) {
            return vec![field.clone()];
        }
        let fields = metadata.fields.iter().map(|field| field.name.as_str());
        let fills = fields.filter(|field| plan.provider_to_unified(field) == Some(name));
        fills.map(str::to_owned).collect()
    };
    let is_single = |shape: &Shape| {
        matches!(
            shape,
            Shape::Text | Shape::Date | Shape::DateTime | Shape::Integer | Shape::Number | Shape::Boolean
        )
    };
    let fields = plan.schema.fields.iter();
    let of_schema = fields
        .filter(|field| {
            is_single(&field.shape) && !field.read_only && !field.on_request && field.values.is_empty()
        })
        .map(|field| PickableName {
            name: field.name.clone(),
            shape: Some(field.shape.clone()),
            filled_by: filled_by(&field.name),
        });
    let own = plan
        .field_map
        .keys()
        .filter(|name| plan.schema.field(name).is_none());
    let of_tenant = own.map(|name| PickableName {
        name: name.clone(),
        shape: None,
        filled_by: filled_by(name),
    });
    of_schema.chain(of_tenant).collect()
}

/// A name as the page takes it: documents also know names with dots.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX_CHARS
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether every value of a field can stand where this shape is asked for.
fn fits(shape: &Shape, field: &FieldMetadata) -> bool {
    let kind = field.kind;
    match shape {
        Shape::Text => !matches!(
            kind,
            FieldKind::Address | FieldKind::MultiPicklist | FieldKind::Other
        ),
        Shape::Date => matches!(kind, FieldKind::Date | FieldKind::DateTime),
        Shape::DateTime => kind == FieldKind::DateTime,
        Shape::Integer => kind == FieldKind::Integer || kind == FieldKind::Decimal && field.scale == Some(0),
        Shape::Number => matches!(kind, FieldKind::Integer | FieldKind::Decimal),
        Shape::Boolean => kind == FieldKind::Boolean,
        _ => false,
    }
}

const fn shape_words(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text => "text",
        Shape::Date => "a day",
        Shape::DateTime => "a moment",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "yes or no",
        _ => "another kind of value",
    }
}

/// What a field of a kind holds, in words for people.
pub const fn kind_words(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Id => "its own id",
        FieldKind::Text => "text",
        FieldKind::LongText => "long text",
        FieldKind::Boolean => "yes or no",
        FieldKind::Integer => "a whole number",
        FieldKind::Decimal => "a number",
        FieldKind::Date => "a day",
        FieldKind::DateTime => "a moment",
        FieldKind::Time => "a time of day",
        FieldKind::Email => "an e-mail address",
        FieldKind::Phone => "a phone number",
        FieldKind::Url => "a web address",
        FieldKind::Picklist => "one choice of a list",
        FieldKind::MultiPicklist => "several choices of a list",
        FieldKind::Reference => "another record's id",
        FieldKind::Address => "an address",
        FieldKind::Other => "something else",
    }
}

#[cfg(test)]
mod tests;
