//! One simulated org: schema, rows, users, field-level security, reads and writes.

mod admin;
pub(crate) mod cell;
mod describe;
pub(crate) mod dml;
mod error;
pub(crate) mod ids;
mod lookup;
pub(crate) mod schema;
pub(crate) mod seed;
pub(crate) mod shape;
mod snapshot;
pub(crate) mod state;
pub(crate) mod time;
mod types;

pub use types::{ApiError, Caller, Converted, DmlOptions, LeadConvert, Lookup, OrgOptions, Upserted};

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Map, Value};

use self::cell::compare_text;
use self::state::State;
use crate::query;

/// One simulated org. Share it as `Arc<Org>`; every method is synchronous and takes `&self`.
#[derive(Debug)]
pub struct Org {
    now_ms: AtomicI64,
    state: RwLock<State>,
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
    pub(crate) found: query::Found,
}

impl QueryRows {
    /// The rows `start .. start + count` (cut at the end), shaped with `attributes`; empty for `COUNT()`.
    pub fn page(&self, org: &Org, start: usize, count: usize) -> Vec<Value> {
        query::page(&org.read(), &self.found, start, count)
    }

    /// All rows.
    pub fn all(&self, org: &Org) -> Vec<Value> {
        self.page(org, 0, self.total)
    }
}

impl Org {
    /// Builds an org and its seed data.
    pub fn new(options: OrgOptions) -> Self {
        let now_ms = AtomicI64::new(options.now_ms);
        Self {
            now_ms,
            state: RwLock::new(seed::fill(State::new(options))),
        }
    }

    /// 18-character id of the Organization row (`00D…`).
    pub fn organization_id(&self) -> String {
        self.read().organization.to_string()
    }

    /// Sets the org's clock, Unix milliseconds. The server calls it before each request; it never runs backwards.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    /// The whole User row of this username (no `attributes`), compared without case.
    pub fn user_by_username(&self, username: &str) -> Option<Value> {
        let state = self.read();
        let table = state.table("User")?;
        let named = |name: &str| compare_text(name, username).is_eq();
        let row = table
            .live_rows()
            .find(|row| table.get(&row.cells, "Username").as_text().is_some_and(named))?;
        Some(shape::raw(table, row))
    }

    /// 18-character id of the admin user.
    pub fn admin_user_id(&self) -> String {
        self.read().admin.to_string()
    }

    /// API names of all objects.
    pub fn object_names(&self) -> Vec<String> {
        self.read()
            .tables
            .iter()
            .map(|table| table.object.name.clone())
            .collect()
    }

    /// `GET /sobjects/`. `version` is like `60.0`, as everywhere here.
    pub fn describe_global(&self, _caller: &Caller, version: &str) -> Value {
        describe::global(&self.read(), version)
    }

    /// `GET /sobjects/X/describe`; hidden fields are absent. Unknown object: 404 `NOT_FOUND`.
    pub fn describe(&self, caller: &Caller, object: &str, version: &str) -> Result<Value, ApiError> {
        describe::object(&self.read(), caller, object, version)
    }

    /// `GET /sobjects/X`: `{"objectDescribe","recentItems"}`.
    pub fn sobject_basic(&self, caller: &Caller, object: &str, version: &str) -> Result<Value, ApiError> {
        let state = self.read();
        let described = describe::basic(&state, object, version)?;
        let recent: Vec<Value> = lookup::recent(&state, caller, usize::MAX, version)
            .into_iter()
            .filter(|row| row["attributes"]["type"] == described["name"])
            .take(20)
            .collect();
        Ok(serde_json::json!({"objectDescribe": described, "recentItems": recent}))
    }

    /// Runs SOQL. `all_rows` adds deleted and archived rows (queryAll).
    pub fn query(
        &self,
        caller: &Caller,
        soql: &str,
        all_rows: bool,
        version: &str,
    ) -> Result<QueryRows, ApiError> {
        query::run(&self.read(), caller, soql, all_rows, version, self.now_ms())
    }

    /// Runs SOSL: the `searchRecords`.
    pub fn search(&self, caller: &Caller, sosl: &str, version: &str) -> Result<Vec<Value>, ApiError> {
        query::search(&self.read(), caller, sosl, version, self.now_ms())
    }

    /// `parameterizedSearch` with a JSON body (`q`, `fields`, `sobjects`, `in`, `overallLimit`, `defaultLimit`).
    pub fn parameterized_search(
        &self,
        caller: &Caller,
        body: &Value,
        version: &str,
    ) -> Result<Vec<Value>, ApiError> {
        query::parameterized_search(&self.read(), caller, body, version, self.now_ms())
    }

    /// `GET /sobjects/X/<id>`; `fields` = the asked columns, `None` = everything readable.
    pub fn retrieve(
        &self,
        caller: &Caller,
        object: &str,
        id: &str,
        fields: Option<&[String]>,
        version: &str,
    ) -> Result<Value, ApiError> {
        lookup::retrieve(&self.read(), caller, object, id, fields, version)
    }

    /// `GET /sobjects/X/<field>/<value>` by an external id or `idLookup` field.
    pub fn retrieve_by_external_id(
        &self,
        caller: &Caller,
        object: &str,
        field: &str,
        value: &str,
        fields: Option<&[String]>,
        version: &str,
    ) -> Result<Lookup, ApiError> {
        lookup::by_external_id(&self.read(), caller, object, (field, value), fields, version)
    }

    /// Creates a row and gives its 18-character id.
    pub fn create(
        &self,
        caller: &Caller,
        object: &str,
        body: &Map<String, Value>,
        options: &DmlOptions,
    ) -> Result<String, Vec<ApiError>> {
        dml::create(&mut self.write(), caller, object, body, options, self.now_ms()).map(|id| id.to_string())
    }

    /// Changes a row: a `null` clears, an absent key keeps.
    pub fn update(
        &self,
        caller: &Caller,
        object: &str,
        id: &str,
        body: &Map<String, Value>,
        options: &DmlOptions,
    ) -> Result<(), Vec<ApiError>> {
        dml::update(
            &mut self.write(),
            caller,
            object,
            id,
            body,
            options,
            self.now_ms(),
        )
    }

    /// Marks a row deleted.
    pub fn delete(&self, caller: &Caller, object: &str, id: &str) -> Result<(), Vec<ApiError>> {
        dml::delete(&mut self.write(), caller, object, id, self.now_ms())
    }

    /// Creates or updates by an external id or `idLookup` field; `field` = `Id` with an empty value creates.
    pub fn upsert(
        &self,
        caller: &Caller,
        object: &str,
        field: &str,
        value: &str,
        body: &Map<String, Value>,
        options: &DmlOptions,
    ) -> Result<Upserted, Vec<ApiError>> {
        dml::upsert(
            &mut self.write(),
            caller,
            object,
            (field, value),
            body,
            options,
            self.now_ms(),
        )
    }

    /// Converts a lead. When it is refused, what was made on the way is still there: take a snapshot before.
    pub(crate) fn convert_lead(
        &self,
        caller: &Caller,
        wanted: &LeadConvert,
    ) -> Result<Converted, Vec<ApiError>> {
        dml::convert_lead(&mut self.write(), caller, wanted, self.now_ms())
    }

    /// Rows that are not deleted; 0 for an unknown object.
    pub fn record_count(&self, object: &str) -> usize {
        self.read()
            .table(object)
            .map_or(0, |table| table.live_rows().count())
    }

    /// `GET /recent`: the caller's last viewed or written rows.
    pub fn recent(&self, caller: &Caller, limit: usize, version: &str) -> Vec<Value> {
        lookup::recent(&self.read(), caller, limit, version)
    }

    /// `GET /sobjects/X/updated`: the whole answer `{"ids","latestDateCovered"}`, window in Unix milliseconds.
    pub fn updated(&self, object: &str, start_ms: i64, end_ms: i64) -> Result<Value, ApiError> {
        lookup::updated(&self.read(), object, start_ms, end_ms, self.now_ms())
    }

    /// `GET /sobjects/X/deleted`: the whole answer `{"deletedRecords","earliestDateAvailable","latestDateCovered"}`.
    pub fn deleted(&self, object: &str, start_ms: i64, end_ms: i64) -> Result<Value, ApiError> {
        lookup::deleted(&self.read(), object, start_ms, end_ms, self.now_ms())
    }

    /// Field-level security: hides a field from one user, or from everyone (`None`).
    pub fn hide_field(&self, object: &str, field: &str, user_id: Option<&str>) -> Result<(), String> {
        admin::set_hidden(&mut self.write(), object, field, user_id, true)
    }

    /// Takes back [`Org::hide_field`] of the same scope.
    pub fn show_field(&self, object: &str, field: &str, user_id: Option<&str>) -> Result<(), String> {
        admin::set_hidden(&mut self.write(), object, field, user_id, false)
    }

    /// An admin renames a custom field.
    pub fn rename_field(&self, object: &str, from: &str, to: &str) -> Result<(), String> {
        admin::rename(&mut self.write(), object, from, to)
    }

    /// An admin adds a custom field: `{"name","type","label"?,"length"?,"precision"?,"scale"?,"picklist"?: [..],
    /// "restricted"?,"externalId"?,"unique"?,"referenceTo"?,"relationshipName"?,"required"?}`.
    pub fn add_field(&self, object: &str, spec: &Value) -> Result<(), String> {
        admin::add(&mut self.write(), object, spec)
    }

    /// An admin deletes a custom field and its values.
    pub fn remove_field(&self, object: &str, field: &str) -> Result<(), String> {
        admin::remove(&mut self.write(), object, field)
    }

    /// Refuses a write that leaves `field` equal to `value`, with the admin's own text.
    pub fn set_validation_rule(
        &self,
        object: &str,
        when_field_equals: (String, Value),
        message: String,
        error_field: Option<String>,
    ) -> Result<(), String> {
        admin::add_rule(&mut self.write(), object, when_field_equals, message, error_field)
    }

    /// Removes the validation rules of an object.
    pub fn clear_validation_rules(&self, object: &str) -> Result<(), String> {
        admin::clear_rules(&mut self.write(), object)
    }

    /// Switches the duplicate rule of Account, Contact or Lead on or off; `allow_save` = the rule only warns.
    pub fn set_duplicate_rule(&self, object: &str, on: bool, allow_save: bool) -> Result<(), String> {
        admin::set_duplicate_rule(&mut self.write(), object, on, allow_save)
    }

    /// Every row of an object with every field, deleted ones included, no security: what tests compare with.
    pub fn raw_records(&self, object: &str) -> Vec<Value> {
        self.read().table(object).map_or_else(Vec::new, |table| {
            table.rows.iter().map(|row| shape::raw(table, row)).collect()
        })
    }

    /// Assignment rule of Account, Case or Lead: new rows go to this user or queue unless the caller switched
    /// assignment off. `None` takes the rule away.
    pub fn set_assignment_rule(&self, object: &str, owner_id: Option<&str>) -> Result<(), String> {
        admin::set_assignment_rule(&mut self.write(), object, owner_id)
    }

    /// The base64 text of a blob field (`ContentNote.Content`).
    pub fn blob(&self, caller: &Caller, object: &str, id: &str, field: &str) -> Result<String, ApiError> {
        lookup::blob(&self.read(), caller, object, id, field)
    }

    /// The org's clock, whole seconds: Salesforce's stamps have no milliseconds.
    fn now_ms(&self) -> i64 {
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        now_ms - now_ms.rem_euclid(1_000)
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
