//! What an org is made of: its fields, and the objects that the customer made.

use std::sync::Arc;

use mapping::{FieldMetadata, ObjectMetadata, OverrideSource, Plan};
use serde_json::{Map, Value, json};
use store::{Connection, Tenant};

use crate::Error;
use crate::parameters::{Parameters, invalid};
use crate::pipeline::{Job, Page, Unified};

/// How a resource is called that is an object of the customer's own: `custom_objects/Deal__c`.
pub(crate) const CUSTOM_OBJECTS: &str = "custom_objects/";
/// The resource whose document all of these share.
const SHARED: &str = "custom_objects";

impl Unified {
    /// The fields of a resource as this connection's user sees them: `entity` is a resource, or
    /// `custom_objects/<name>`. A mapped field that the user cannot see is listed as hidden.
    pub async fn fields(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        parameters: &Parameters,
    ) -> Result<Page<Value>, Error> {
        let mut entity = None;
        for (name, value) in parameters {
            match (name.as_str(), &entity) {
                ("entity", None) => entity = Some(value.as_str()),
                ("entity", Some(_)) => {
                    return Err(invalid("entity", "given more than once", Vec::new()));
                }
                _ => {
                    return Err(invalid(
                        name,
                        "unknown parameter of this route",
                        vec!["entity".to_owned()],
                    ));
                }
            }
        }
        let known = || self.catalog.provider_resources(&connection.provider);
        let entity = entity.filter(|entity| !entity.is_empty()).ok_or_else(|| {
            let allowed = known().filter(|name| *name != SHARED).map(str::to_owned);
            let message = "names the resource whose fields are wanted";
            invalid(
                "entity",
                message,
                allowed.chain([format!("{CUSTOM_OBJECTS}<name>")]).collect(),
            )
        })?;
        let job = self
            .job(tenant, connection, entity, mapping::Method::List)
            .await?;
        let metadata = job.metadata().await?;
        let mut fields: Vec<Value> = metadata
            .fields
            .iter()
            .map(|field| self.field(&job, entity, field))
            .collect();
        for name in &job.plan.fields {
            let is_hidden = !name.contains('.')
                && metadata.field(name).is_none()
                && !job.plan.optional_fields.contains(name);
            if is_hidden {
                fields.push(hidden(&job.plan, entity, name));
            }
        }
        Ok(page(fields))
    }

    /// The objects that the customer made and the connection's user may query.
    pub async fn object_schemas(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
    ) -> Result<Page<Value>, Error> {
        let objects = self.objects(tenant, connection).await?;
        Ok(page(own(&objects).map(described).collect()))
    }

    /// One of them with its fields, and the objects that these point to.
    pub async fn object_schema(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        name: &str,
    ) -> Result<Value, Error> {
        let objects = self.objects(tenant, connection).await?;
        let object = find(&objects, name)?;
        let entity = format!("{CUSTOM_OBJECTS}{}", text(object, "name"));
        let job = self
            .job(tenant, connection, &entity, mapping::Method::List)
            .await?;
        let metadata = job.metadata().await?;
        let mut schema = described(object);
        schema["fields"] = metadata
            .fields
            .iter()
            .map(|field| self.field(&job, &entity, field))
            .collect();
        schema["associations"] = self.associations(&connection.provider, &metadata);
        Ok(schema)
    }

    /// The plan of one of the customer's own objects: the shared document, with the object's name laid over it.
    pub(crate) async fn object_plan(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        name: &str,
    ) -> Result<Arc<Plan>, Error> {
        let objects = self.objects(tenant, connection).await?;
        let object = text(find(&objects, name)?, "name");
        let document = json!({ "object": object }).to_string();
        let named = OverrideSource {
            level_name: "request",
            document: &document,
        };
        self.plan(&connection.provider, SHARED, &[named])
    }

    /// All objects that the connection's user sees; [`own`] tells the customer's. Asked for each request on one of them.
    async fn objects(&self, tenant: &Tenant, connection: &Arc<Connection>) -> Result<Arc<Vec<Value>>, Error> {
        let known = || self.catalog.provider_resources(&connection.provider);
        if !known().any(|name| name == SHARED) {
            return Err(Error::UnknownResource {
                resource: SHARED.to_owned(),
                allowed: known().map(str::to_owned).collect(),
            });
        }
        Ok(self.providers.objects(tenant, connection).await?)
    }

    fn field(&self, job: &Job, entity: &str, field: &FieldMetadata) -> Value {
        let provider = &job.connection.provider;
        let entities = field
            .reference_to
            .iter()
            .map(|object| self.entity(provider, object));
        json!({
            "name": field.name,
            "label": field.label,
            "description": field.description,
            "entity": entity,
            "type": field.kind,
            "remote_type": field.remote_type,
            "is_custom": field.is_custom,
            "is_required": field.is_required,
            "is_unique": field.is_unique,
            "is_hidden": false,
            "is_creatable": field.is_creatable,
            "is_editable": field.is_updatable,
            "is_filterable": field.is_filterable,
            "is_sortable": field.is_sortable,
            "is_external_id": field.is_external_id,
            "is_calculated": field.is_calculated,
            "default_value": field.default_value,
            "max_length": field.max_length,
            "precision": field.precision,
            "scale": field.scale,
            "options": field.options,
            "reference_entities": entities.collect::<Vec<String>>(),
            "relationship_name": field.relationship_name,
            "field_groups": [],
            "unified_field": job.plan.provider_to_unified(&field.name),
        })
    }

    fn associations(&self, provider: &str, metadata: &ObjectMetadata) -> Value {
        let references = metadata
            .fields
            .iter()
            .filter(|field| !field.reference_to.is_empty());
        references
            .map(|field| {
                let entities = field
                    .reference_to
                    .iter()
                    .map(|object| self.entity(provider, object));
                json!({
                    "field": field.name,
                    "relationship_name": field.relationship_name,
                    "entities": entities.collect::<Vec<String>>(),
                })
            })
            .collect()
    }

    /// The resource of an object; the provider's name where there is none.
    fn entity(&self, provider: &str, object: &str) -> String {
        self.catalog
            .resource_of(provider, object)
            .map_or_else(|| object.to_owned(), str::to_owned)
    }
}

fn hidden(plan: &Plan, entity: &str, name: &str) -> Value {
    json!({
        "name": name,
        "entity": entity,
        "is_custom": false,
        "is_hidden": true,
        "unified_field": plan.provider_to_unified(name),
    })
}

/// An object in the words of the model; keys that the document does not give are null.
fn described(object: &Value) -> Value {
    let keys = [
        "name",
        "label",
        "label_plural",
        "description",
        "is_custom",
        "is_queryable",
        "is_creatable",
        "is_updatable",
        "is_deletable",
        "key_prefix",
    ];
    let fields = keys.map(|key| (key.to_owned(), object.get(key).cloned().unwrap_or_default()));
    Value::Object(fields.into_iter().collect::<Map<String, Value>>())
}

/// The objects that the customer made and the user may query.
fn own(objects: &[Value]) -> impl Iterator<Item = &Value> {
    let is = |object: &Value, key: &str| object.get(key).and_then(Value::as_bool).unwrap_or_default();
    objects
        .iter()
        .filter(move |object| is(object, "is_custom") && is(object, "is_queryable"))
}

fn find<'a>(objects: &'a [Value], name: &str) -> Result<&'a Value, Error> {
    let found = own(objects).find(|object| text(object, "name").eq_ignore_ascii_case(name));
    found.ok_or_else(|| Error::UnknownResource {
        resource: format!("{CUSTOM_OBJECTS}{name}"),
        allowed: own(objects)
            .map(|object| format!("{CUSTOM_OBJECTS}{}", text(object, "name")))
            .collect(),
    })
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn page(result: Vec<Value>) -> Page<Value> {
    Page {
        result_count: result.len(),
        total_count: u64::try_from(result.len()).ok(),
        result,
        next_cursor: None,
        prev_cursor: None,
        warnings: Vec::new(),
    }
}
