//! Query parameters of a list, read strictly: whatever is not understood is refused with what would be.

use mapping::Plan;
use serde_json::{Map, Value};

use crate::Error;

/// Decoded query pairs in the order sent, without those the edge takes for itself (`connection_id`).
pub type Parameters = Vec<(String, String)>;

/// Operators of a filter, as written in brackets: `updated_at[gt]=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Like,
    Contains,
    StartsWith,
}

impl Operator {
    const ALL: [(&'static str, Self); 11] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("in", Self::In),
        ("nin", Self::Nin),
        ("like", Self::Like),
        ("contains", Self::Contains),
        ("starts_with", Self::StartsWith),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(text, _)| *text == name)
            .map(|(_, operator)| *operator)
    }

    /// The operator as callers write it.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("eq", |(text, _)| text)
    }

    fn names() -> Vec<String> {
        Self::ALL.iter().map(|(text, _)| (*text).to_owned()).collect()
    }
}

/// What a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A filter that the resource's document declares.
    Unified(String),
    /// A custom field by the provider's name; typed from this connection's metadata.
    Custom(String),
}

/// One filter: `parameter` is the text the caller wrote, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) parameter: String,
    pub(crate) target: Target,
    pub(crate) operator: Operator,
    pub(crate) values: Vec<String>,
}

/// One sort key, a name that the resource's document declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) name: String,
    pub(crate) descending: bool,
}

/// A list's parameters, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a parameter of its own that is there or not"
)]
pub(crate) struct ListQuery {
    pub(crate) filters: Vec<Filter>,
    /// `or[0][…]`, `or[1][…]`: at least one group must hold, all of whose filters hold.
    pub(crate) groups: Vec<Vec<Filter>>,
    pub(crate) sorts: Vec<Sort>,
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    pub(crate) search_term: Option<String>,
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) expand: Vec<String>,
    pub(crate) include_remote_data: bool,
    pub(crate) include_deleted: bool,
    pub(crate) dry_run: bool,
    /// Whether a record is written although the provider thinks it a duplicate.
    pub(crate) allow_duplicates: bool,
}

/// Parameters that are no filter, for error texts.
const LIST_PARAMETERS: [&str; 12] = [
    "limit",
    "cursor",
    "sort",
    "sort_by[…]",
    "search_term",
    "fields",
    "expand",
    "include",
    "include_deleted",
    "dry_run",
    "or[0][…]",
    "custom_fields[…]",
];
const READ_PARAMETERS: &[&str] = &["fields", "expand", "include", "dry_run"];
const WRITE_PARAMETERS: &[&str] = &["fields", "expand", "include", "dry_run", "allow_duplicates"];
/// Of a call that writes many records: none is read back.
const BATCH_PARAMETERS: &[&str] = &["dry_run", "allow_duplicates"];
/// Most filters of one request: each becomes a condition the provider must evaluate.
const FILTERS_MAX: usize = 100;
/// Most values of one `in` or `nin`.
const VALUES_MAX: usize = 500;

pub(crate) fn invalid(parameter: &str, message: impl Into<String>, allowed: Vec<String>) -> Error {
    Error::InvalidParameter {
        parameter: parameter.to_owned(),
        message: message.into(),
        allowed,
    }
}

/// Splits `a[b][c]` into `a` and `[b, c]`.
fn brackets(key: &str) -> Option<(&str, Vec<&str>)> {
    let Some(open) = key.find('[') else {
        return Some((key, Vec::new()));
    };
    let (head, mut rest) = key.split_at(open);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[')?;
        let close = inner.find(']')?;
        let (part, after) = inner.split_at(close);
        parts.push(part);
        rest = after.strip_prefix(']')?;
    }
    Some((head, parts))
}

fn boolean(parameter: &str, value: &str) -> Result<bool, Error> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(
            parameter,
            "expected true or false",
            vec!["true".to_owned(), "false".to_owned()],
        )),
    }
}

fn list(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Reads the parameters of one list request against what `plan` declares.
pub(crate) fn list_query(parameters: &Parameters, plan: &Plan, page_max: u32) -> Result<ListQuery, Error> {
    let mut reader = Reader {
        plan,
        query: ListQuery::default(),
        seen: Vec::new(),
    };
    for (key, value) in parameters {
        reader.pair(key, value, page_max)?;
    }
    let query = reader.query;
    if query.search_term.is_some() && query.cursor.is_some() {
        return Err(invalid(
            "cursor",
            "a search has one page; leave the cursor out or drop search_term",
            Vec::new(),
        ));
    }
    Ok(query)
}

/// Reads the parameters of a read: those of a list that make sense for one record.
pub(crate) fn record_query(parameters: &Parameters, plan: &Plan) -> Result<ListQuery, Error> {
    some_query(parameters, plan, READ_PARAMETERS, "a single record")
}

/// Reads the parameters of a write of one record.
pub(crate) fn write_query(parameters: &Parameters, plan: &Plan) -> Result<ListQuery, Error> {
    some_query(parameters, plan, WRITE_PARAMETERS, "writing a record")
}

/// Reads the parameters of a write of many records.
pub(crate) fn batch_query(parameters: &Parameters, plan: &Plan) -> Result<ListQuery, Error> {
    some_query(parameters, plan, BATCH_PARAMETERS, "writing many records")
}

fn some_query(
    parameters: &Parameters,
    plan: &Plan,
    allowed: &[&str],
    what: &str,
) -> Result<ListQuery, Error> {
    for (key, _) in parameters {
        if !allowed.contains(&key.as_str()) {
            let allowed = allowed.iter().map(|name| (*name).to_owned()).collect();
            return Err(invalid(key, format!("unknown parameter for {what}"), allowed));
        }
    }
    let (own, list): (Parameters, Parameters) = parameters
        .iter()
        .cloned()
        .partition(|(key, _)| key == "allow_duplicates");
    let mut query = list_query(&list, plan, u32::MAX)?;
    for (key, value) in own {
        query.allow_duplicates = boolean(&key, &value)?;
    }
    Ok(query)
}

struct Reader<'a> {
    plan: &'a Plan,
    query: ListQuery,
    seen: Vec<&'static str>,
}

impl Reader<'_> {
    fn once(&mut self, name: &'static str) -> Result<(), Error> {
        if self.seen.contains(&name) {
            return Err(invalid(name, "given more than once", Vec::new()));
        }
        self.seen.push(name);
        Ok(())
    }

    fn pair(&mut self, key: &str, value: &str, page_max: u32) -> Result<(), Error> {
        match key {
            "limit" => {
                self.once("limit")?;
                self.query.limit = Some(limit(value, page_max)?);
            }
            "cursor" => {
                self.once("cursor")?;
                self.query.cursor = Some(value.to_owned()).filter(|text| !text.is_empty());
            }
            "search_term" => {
                self.once("search_term")?;
                self.query.search_term = Some(value.to_owned()).filter(|text| !text.trim().is_empty());
            }
            "fields" => {
                self.once("fields")?;
                self.query.fields = Some(self.fields(value)?);
            }
            "expand" => self.query.expand.append(&mut self.expand(value)?),
            "include" => {
                for name in list(value) {
                    if name != "remote_data" {
                        let message = format!("`{name}` cannot be included");
                        return Err(invalid("include", message, vec!["remote_data".to_owned()]));
                    }
                    self.query.include_remote_data = true;
                }
            }
            "include_deleted" => self.query.include_deleted = boolean(key, value)?,
            "dry_run" => self.query.dry_run = boolean(key, value)?,
            "sort" => self.sort(value)?,
            _ => self.bracketed(key, value)?,
        }
        Ok(())
    }

    fn bracketed(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let Some((head, parts)) = brackets(key) else {
            return Err(invalid(
                key,
                "brackets do not match; a filter is written name[operator]=value",
                Vec::new(),
            ));
        };
        match (head, parts.as_slice()) {
            ("sort_by", [name]) => {
                let descending = match value {
                    "asc" => false,
                    "desc" => true,
                    _ => {
                        let allowed = vec!["asc".to_owned(), "desc".to_owned()];
                        return Err(invalid(key, "expected asc or desc", allowed));
                    }
                };
                self.push_sort(key, name, descending)
            }
            ("or", [group, name, rest @ ..]) => {
                let index: usize = group
                    .parse()
                    .ok()
                    .filter(|index| *index < FILTERS_MAX)
                    .ok_or_else(|| {
                        invalid(
                            key,
                            format!("or[…] takes a number from 0 to {}", FILTERS_MAX - 1),
                            Vec::new(),
                        )
                    })?;
                let filter = self.filter(key, name, rest, value)?;
                while self.query.groups.len() <= index {
                    self.query.groups.push(Vec::new());
                }
                self.query.groups[index].push(filter);
                Ok(())
            }
            _ => {
                let filter = self.filter(key, head, &parts, value)?;
                self.push_filter(filter)
            }
        }
    }

    fn push_filter(&mut self, filter: Filter) -> Result<(), Error> {
        // `status[in][]=a&status[in][]=b` arrives as pairs of one key: the values belong together.
        let same = self
            .query
            .filters
            .iter_mut()
            .find(|other| other.parameter == filter.parameter && filter.parameter.ends_with("[]"));
        if let Some(other) = same {
            other.values.extend(filter.values);
            if other.values.len() > VALUES_MAX {
                return Err(invalid(
                    &filter.parameter,
                    format!("at most {VALUES_MAX} values"),
                    Vec::new(),
                ));
            }
            return Ok(());
        }
        if self.query.filters.len() >= FILTERS_MAX {
            return Err(invalid(
                &filter.parameter,
                format!("at most {FILTERS_MAX} filters"),
                Vec::new(),
            ));
        }
        self.query.filters.push(filter);
        Ok(())
    }

    fn filter(&self, key: &str, head: &str, parts: &[&str], value: &str) -> Result<Filter, Error> {
        let (target, rest) = match (head, parts) {
            ("custom_fields", [name, rest @ ..]) => (Target::Custom((*name).to_owned()), rest),
            _ if self.plan.filters.contains_key(head) || self.plan.field_map.contains_key(head) => {
                (Target::Unified(head.to_owned()), parts)
            }
            _ => return Err(invalid(key, "unknown parameter", self.allowed())),
        };
        let (operator, repeated) = match rest {
            [] => (Operator::Eq, false),
            [""] => (Operator::In, true),
            [name] | [name, ""] => {
                let operator = Operator::parse(name)
                    .ok_or_else(|| invalid(key, format!("unknown operator `{name}`"), Operator::names()))?;
                (operator, rest.len() == 2)
            }
            _ => {
                return Err(invalid(
                    key,
                    "a filter is written name[operator]=value",
                    Operator::names(),
                ));
            }
        };
        let several = matches!(operator, Operator::In | Operator::Nin);
        if repeated && !several {
            return Err(invalid(
                key,
                "only in and nin take several values",
                vec!["in".to_owned(), "nin".to_owned()],
            ));
        }
        let values = if several && !repeated {
            list(value)
        } else {
            vec![value.to_owned()]
        };
        if values.len() > VALUES_MAX {
            return Err(invalid(key, format!("at most {VALUES_MAX} values"), Vec::new()));
        }
        Ok(Filter {
            parameter: key.to_owned(),
            target,
            operator,
            values,
        })
    }

    fn allowed(&self) -> Vec<String> {
        let own = LIST_PARAMETERS.iter().map(|name| (*name).to_owned());
        self.plan
            .filters
            .keys()
            .chain(self.plan.field_map.keys())
            .cloned()
            .chain(own)
            .collect()
    }

    fn fields(&self, value: &str) -> Result<Vec<String>, Error> {
        let schema = &self.plan.schema;
        let names = list(value);
        for name in &names {
            if schema.field(name).is_none() {
                let allowed = schema.field_names().map(str::to_owned).collect();
                return Err(invalid(
                    "fields",
                    format!("`{name}` is no field of {}", self.plan.resource),
                    allowed,
                ));
            }
        }
        Ok(names)
    }

    fn expand(&self, value: &str) -> Result<Vec<String>, Error> {
        let names = list(value);
        for name in &names {
            if !self.plan.expand.contains_key(name) {
                let allowed = self.plan.expand.keys().cloned().collect();
                return Err(invalid("expand", format!("`{name}` cannot be expanded"), allowed));
            }
        }
        Ok(names)
    }

    fn sort(&mut self, value: &str) -> Result<(), Error> {
        for name in list(value) {
            match name.strip_prefix('-') {
                Some(rest) => self.push_sort("sort", rest, true)?,
                None => self.push_sort("sort", &name, false)?,
            }
        }
        Ok(())
    }

    fn push_sort(&mut self, parameter: &str, name: &str, descending: bool) -> Result<(), Error> {
        if !self.plan.sorts.contains_key(name) && !self.plan.field_map.contains_key(name) {
            let allowed = self
                .plan
                .sorts
                .keys()
                .chain(self.plan.field_map.keys())
                .cloned()
                .collect();
            return Err(invalid(
                parameter,
                format!("`{name}` cannot be sorted by"),
                allowed,
            ));
        }
        if self.query.sorts.iter().any(|sort| sort.name == name) {
            return Err(invalid(
                parameter,
                format!("`{name}` is sorted by more than once"),
                Vec::new(),
            ));
        }
        self.query.sorts.push(Sort {
            name: name.to_owned(),
            descending,
        });
        Ok(())
    }
}

fn limit(value: &str, page_max: u32) -> Result<u32, Error> {
    value
        .parse()
        .ok()
        .filter(|number| (1..=page_max).contains(number))
        .ok_or_else(|| {
            invalid(
                "limit",
                format!("expected a whole number from 1 to {page_max}"),
                Vec::new(),
            )
        })
}

impl ListQuery {
    /// The query as a mapping sees it: `{created_at: {gt: "…"}, email_addresses: "a@b.c", search_term, limit}`.
    pub(crate) fn binding(&self) -> Value {
        let mut object = Map::new();
        for filter in &self.filters {
            let value = match filter.values.as_slice() {
                [one] if !matches!(filter.operator, Operator::In | Operator::Nin) => {
                    Value::from(one.as_str())
                }
                several => Value::from(several.to_vec()),
            };
            let (holder, name) = match &filter.target {
                Target::Unified(name) => (&mut object, name),
                Target::Custom(name) => {
                    let custom = object
                        .entry("custom_fields")
                        .or_insert_with(|| Value::Object(Map::new()));
                    match custom.as_object_mut() {
                        Some(custom) => (custom, name),
                        None => continue,
                    }
                }
            };
            if filter.operator == Operator::Eq {
                holder.insert(name.clone(), value);
            } else {
                let entry = holder
                    .entry(name.clone())
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Some(operators) = entry.as_object_mut() {
                    operators.insert(filter.operator.name().to_owned(), value);
                }
            }
        }
        if let Some(term) = &self.search_term {
            object.insert("search_term".to_owned(), Value::from(term.as_str()));
        }
        if let Some(limit) = self.limit {
            object.insert("limit".to_owned(), Value::from(limit));
        }
        Value::Object(object)
    }

    /// Every text that the caller chose, for the check that none of it changed the structure of a query.
    pub(crate) fn caller_texts(&self) -> Vec<&str> {
        let filters = self.filters.iter().chain(self.groups.iter().flatten());
        filters
            .flat_map(|filter| filter.values.iter().map(String::as_str))
            .chain(self.search_term.as_deref())
            .collect()
    }

    /// What a cursor is bound to: everything that decides which records follow, and nothing else.
    pub(crate) fn identity(&self) -> String {
        format!(
            "{:?}|{:?}|{:?}|{:?}|{}",
            self.filters, self.groups, self.sorts, self.search_term, self.include_deleted
        )
    }
}
