//! One simulated org: schema, rows, users, field-level security, reads and writes.

mod types;

pub use types::{ApiError, Caller, DmlOptions, Lookup, OrgOptions, Upserted};

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Map, Value};

/// One simulated org. Share it as `Arc<Org>`; every method is synchronous and takes `&self`.
#[derive(Debug)]
pub struct Org {
    now_ms: AtomicI64,
}

/// The answer of a query: how many rows, and what decides the page size; rows are shaped page by page.
#[derive(Debug)]
pub struct QueryRows {
    /// Number of rows the query returns (after LIMIT and OFFSET): `totalSize`.
    pub total: usize,
    /// `SELECT COUNT()`: `total` is the count and there are no rows.
    pub is_count: bool,
    /// Rows are `AggregateResult`s and cannot be paged.
    pub is_aggregate: bool,
    /// Selected long text columns of the outer object.
    pub selected_long_text_fields: usize,
    /// Selected columns of the outer object.
    pub selected_fields: usize,
    /// API name of the object of FROM.
    pub object: String,
}

impl QueryRows {
    /// The rows `start .. start + count` (cut at the end), shaped with `attributes`; empty for `COUNT()`.
    pub fn page(&self, _org: &Org, _start: usize, _count: usize) -> Vec<Value> {
        Vec::new()
    }

    /// All rows.
    pub fn all(&self, org: &Org) -> Vec<Value> {
        self.page(org, 0, self.total)
    }
}

impl Org {
    /// Builds an org and its seed data.
    pub fn new(options: OrgOptions) -> Self {
        Self {
            now_ms: AtomicI64::new(options.now_ms),
        }
    }

    /// 18-character id of the Organization row (`00D…`).
    pub fn organization_id(&self) -> String {
        String::new()
    }

    /// Sets the org's clock, Unix milliseconds. The server calls it before each request; it never runs backwards.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// The whole User row of this username (no `attributes`), compared without case.
    pub fn user_by_username(&self, _username: &str) -> Option<Value> {
        None
    }

    /// 18-character id of the admin user.
    pub fn admin_user_id(&self) -> String {
        String::new()
    }

    /// API names of all objects.
    pub fn object_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// `GET /sobjects/`. `version` is like `60.0`, as everywhere here.
    pub fn describe_global(&self, _caller: &Caller, _version: &str) -> Value {
        Value::Null
    }

    /// `GET /sobjects/X/describe`; hidden fields are absent. Unknown object: 404 `NOT_FOUND`.
    pub fn describe(&self, _caller: &Caller, _object: &str, _version: &str) -> Result<Value, ApiError> {
        Ok(Value::Null)
    }

    /// `GET /sobjects/X`: `{"objectDescribe","recentItems"}`.
    pub fn sobject_basic(&self, _caller: &Caller, _object: &str, _version: &str) -> Result<Value, ApiError> {
        Ok(Value::Null)
    }

    /// Runs SOQL. `all_rows` adds deleted and archived rows (queryAll).
    pub fn query(
        &self,
        _caller: &Caller,
        _soql: &str,
        _all_rows: bool,
        _version: &str,
    ) -> Result<QueryRows, ApiError> {
        Err(ApiError {
            status: 400,
            code: String::new(),
            message: String::new(),
            fields: None,
            extra: None,
            code_first: false,
        })
    }

    /// Runs SOSL: the `searchRecords`.
    pub fn search(&self, _caller: &Caller, _sosl: &str, _version: &str) -> Result<Vec<Value>, ApiError> {
        Ok(Vec::new())
    }

    /// `parameterizedSearch` with a JSON body (`q`, `fields`, `sobjects`, `in`, `overallLimit`, `defaultLimit`).
    pub fn parameterized_search(
        &self,
        _caller: &Caller,
        _body: &Value,
        _version: &str,
    ) -> Result<Vec<Value>, ApiError> {
        Ok(Vec::new())
    }

    /// `GET /sobjects/X/<id>`; `fields` = the asked columns, `None` = everything readable.
    pub fn retrieve(
        &self,
        _caller: &Caller,
        _object: &str,
        _id: &str,
        _fields: Option<&[String]>,
        _version: &str,
    ) -> Result<Value, ApiError> {
        Ok(Value::Null)
    }

    /// `GET /sobjects/X/<field>/<value>` by an external id or `idLookup` field.
    pub fn retrieve_by_external_id(
        &self,
        _caller: &Caller,
        _object: &str,
        _field: &str,
        _value: &str,
        _fields: Option<&[String]>,
        _version: &str,
    ) -> Result<Lookup, ApiError> {
        Ok(Lookup::Many(Vec::new()))
    }

    /// Creates a row and gives its 18-character id.
    pub fn create(
        &self,
        _caller: &Caller,
        _object: &str,
        _body: &Map<String, Value>,
        _options: &DmlOptions,
    ) -> Result<String, Vec<ApiError>> {
        Ok(String::new())
    }

    /// Changes a row: a `null` clears, an absent key keeps.
    pub fn update(
        &self,
        _caller: &Caller,
        _object: &str,
        _id: &str,
        _body: &Map<String, Value>,
        _options: &DmlOptions,
    ) -> Result<(), Vec<ApiError>> {
        Ok(())
    }

    /// Marks a row deleted.
    pub fn delete(&self, _caller: &Caller, _object: &str, _id: &str) -> Result<(), Vec<ApiError>> {
        Ok(())
    }

    /// Creates or updates by an external id or `idLookup` field; `field` = `Id` with an empty value creates.
    pub fn upsert(
        &self,
        _caller: &Caller,
        _object: &str,
        _field: &str,
        _value: &str,
        _body: &Map<String, Value>,
        _options: &DmlOptions,
    ) -> Result<Upserted, Vec<ApiError>> {
        Ok(Upserted::Multiple(Vec::new()))
    }

    /// Rows that are not deleted; 0 for an unknown object.
    pub fn record_count(&self, _object: &str) -> usize {
        0
    }

    /// `GET /recent`: the caller's last viewed or written rows.
    pub fn recent(&self, _caller: &Caller, _limit: usize, _version: &str) -> Vec<Value> {
        Vec::new()
    }

    /// `GET /sobjects/X/updated`: the whole answer `{"ids","latestDateCovered"}`, window in Unix milliseconds.
    pub fn updated(&self, _object: &str, _start_ms: i64, _end_ms: i64) -> Result<Value, ApiError> {
        Ok(Value::Null)
    }

    /// `GET /sobjects/X/deleted`: the whole answer `{"deletedRecords","earliestDateAvailable","latestDateCovered"}`.
    pub fn deleted(&self, _object: &str, _start_ms: i64, _end_ms: i64) -> Result<Value, ApiError> {
        Ok(Value::Null)
    }

    /// Field-level security: hides a field from one user, or from everyone (`None`).
    pub fn hide_field(&self, _object: &str, _field: &str, _user_id: Option<&str>) -> Result<(), String> {
        Ok(())
    }

    /// Takes back [`Org::hide_field`] of the same scope.
    pub fn show_field(&self, _object: &str, _field: &str, _user_id: Option<&str>) -> Result<(), String> {
        Ok(())
    }

    /// An admin renames a custom field.
    pub fn rename_field(&self, _object: &str, _from: &str, _to: &str) -> Result<(), String> {
        Ok(())
    }

    /// An admin adds a custom field: `{"name","type","label"?,"length"?,"precision"?,"scale"?,"picklist"?: [..],
    /// "restricted"?,"externalId"?,"unique"?,"referenceTo"?,"relationshipName"?,"required"?}`.
    pub fn add_field(&self, _object: &str, _spec: &Value) -> Result<(), String> {
        Ok(())
    }

    /// An admin deletes a custom field and its values.
    pub fn remove_field(&self, _object: &str, _field: &str) -> Result<(), String> {
        Ok(())
    }

    /// Refuses a write that leaves `field` equal to `value`, with the admin's own text.
    pub fn set_validation_rule(
        &self,
        _object: &str,
        _when_field_equals: (String, Value),
        _message: String,
        _error_field: Option<String>,
    ) -> Result<(), String> {
        Ok(())
    }

    /// Removes the validation rules of an object.
    pub fn clear_validation_rules(&self, _object: &str) -> Result<(), String> {
        Ok(())
    }

    /// Switches the duplicate rule of Account, Contact or Lead on or off; `allow_save` = the rule only warns.
    pub fn set_duplicate_rule(&self, _object: &str, _on: bool, _allow_save: bool) -> Result<(), String> {
        Ok(())
    }

    /// Every row of an object with every field, deleted ones included, no security: what tests compare with.
    pub fn raw_records(&self, _object: &str) -> Vec<Value> {
        Vec::new()
    }
}
