//! Links between records, and the associations API v4.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::errors::{self, Fault};
use super::objects::Object;
use super::portal::Data;
use super::{Context, Outcome};
use crate::http::reply::Reply;

/// One kind of link, seen from one end.
struct Type {
    from: Object,
    to: Object,
    id: u64,
    /// Name in v3 answers.
    name: &'static str,
    /// Label in v4 answers.
    label: Option<&'static str>,
    /// Id of the same link seen from the other end.
    mirror: u64,
}

const fn plain(from: Object, to: Object, id: u64, name: &'static str, mirror: u64) -> Type {
    Type {
        from,
        to,
        id,
        name,
        label: None,
        mirror,
    }
}

const fn primary(from: Object, to: Object, id: u64, name: &'static str, mirror: u64) -> Type {
    Type {
        label: Some("Primary"),
        ..plain(from, to, id, name, mirror)
    }
}

/// Source: the association type ids of the associations v4 guide.
const TYPES: [Type; 22] = {
    use Object::{Companies, Contacts, Deals, Notes, Tasks};
    [
        primary(Contacts, Companies, 1, "contact_to_company", 2),
        plain(Contacts, Companies, 279, "contact_to_company_unlabeled", 280),
        primary(Companies, Contacts, 2, "company_to_contact", 1),
        plain(Companies, Contacts, 280, "company_to_contact_unlabeled", 279),
        primary(Deals, Companies, 5, "deal_to_company", 6),
        plain(Deals, Companies, 341, "deal_to_company_unlabeled", 342),
        primary(Companies, Deals, 6, "company_to_deal", 5),
        plain(Companies, Deals, 342, "company_to_deal_unlabeled", 341),
        plain(Deals, Contacts, 3, "deal_to_contact", 4),
        plain(Contacts, Deals, 4, "contact_to_deal", 3),
        plain(Notes, Contacts, 202, "note_to_contact", 201),
        plain(Contacts, Notes, 201, "contact_to_note", 202),
        plain(Notes, Companies, 190, "note_to_company", 189),
        plain(Companies, Notes, 189, "company_to_note", 190),
        plain(Notes, Deals, 214, "note_to_deal", 213),
        plain(Deals, Notes, 213, "deal_to_note", 214),
        plain(Tasks, Contacts, 204, "task_to_contact", 203),
        plain(Contacts, Tasks, 203, "contact_to_task", 204),
        plain(Tasks, Companies, 192, "task_to_company", 191),
        plain(Companies, Tasks, 191, "company_to_task", 192),
        plain(Tasks, Deals, 216, "task_to_deal", 215),
        plain(Deals, Tasks, 215, "deal_to_task", 216),
    ]
};
/// Primary links and the plain ones that always stand beside them.
const PRIMARY: [(u64, u64); 4] = [(1, 279), (2, 280), (5, 341), (6, 342)];
/// Links in one answer of v4.
const PAGE: usize = 500;
/// Inputs of one batch read of links.
const BATCH_READ_MAX: usize = 1_000;

fn plain_of(type_id: u64) -> Option<u64> {
    let pair = PRIMARY.iter().find(|(primary, _)| *primary == type_id);
    pair.map(|(_, plain)| *plain)
}

fn primary_of(type_id: u64) -> Option<u64> {
    let pair = PRIMARY.iter().find(|(_, plain)| *plain == type_id);
    pair.map(|(primary, _)| *primary)
}

/// The type of a link nobody has labelled.
pub(super) fn default_type(from: Object, to: Object) -> Option<u64> {
    TYPES
        .iter()
        .find(|kind| kind.from == from && kind.to == to && kind.label.is_none())
        .map(|kind| kind.id)
}

/// The object and mirror type that a type id of this object leads to.
fn target(from: Object, type_id: u64) -> Option<(Object, u64)> {
    TYPES
        .iter()
        .find(|kind| kind.from == from && kind.id == type_id)
        .map(|kind| (kind.to, kind.mirror))
}

type End = (Object, u64);

/// Every link, from both ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    by_end: BTreeMap<End, BTreeMap<End, BTreeSet<u64>>>,
}

impl Links {
    /// The linked records of an object, by id, with the types of each link.
    pub(crate) fn of(
        &self,
        from: Object,
        id: u64,
        to: Object,
    ) -> impl Iterator<Item = (u64, &BTreeSet<u64>)> {
        self.by_end
            .get(&(from, id))
            .into_iter()
            .flatten()
            .filter(move |((object, _), _)| *object == to)
            .map(|((_, id), types)| (*id, types))
    }

    /// The primary company of a contact or deal.
    pub(crate) fn primary_company(&self, from: Object, id: u64) -> Option<u64> {
        let links = self.of(from, id, Object::Companies);
        links
            .filter(|(_, types)| types.iter().any(|id| plain_of(*id).is_some()))
            .map(|(id, _)| id)
            .next()
    }

    fn put(&mut self, from: End, to: End, type_id: u64) {
        self.by_end
            .entry(from)
            .or_default()
            .entry(to)
            .or_default()
            .insert(type_id);
    }

    fn take(&mut self, from: End, to: End, type_id: u64) {
        if let Some(types) = self.by_end.get_mut(&from).and_then(|links| links.get_mut(&to)) {
            types.remove(&type_id);
        }
    }

    /// Links two records. The first company becomes the primary one; a new primary one takes the place of the old.
    pub(crate) fn add(&mut self, from: End, to_id: u64, type_id: u64) {
        let Some((to_object, mirror)) = target(from.0, type_id) else {
            return;
        };
        let to = (to_object, to_id);
        self.put(from, to, type_id);
        self.put(to, from, mirror);
        if let Some(plain) = plain_of(type_id) {
            self.add_plain(from, to, plain);
            self.retire_other_primaries(from, to);
        } else if let Some(primary) = primary_of(type_id) {
            // From either end, the side that has at most one primary company is the contact or deal.
            let owner = if to_object == Object::Companies { from } else { to };
            if self.primary_company(owner.0, owner.1).is_none() {
                self.add(from, to_id, primary);
            }
        }
    }

    fn add_plain(&mut self, from: End, to: End, plain: u64) {
        if let Some((_, mirror)) = target(from.0, plain) {
            self.put(from, to, plain);
            self.put(to, from, mirror);
        }
    }

    fn retire_other_primaries(&mut self, from: End, to: End) {
        let (owner, company) = if to.0 == Object::Companies {
            (from, to)
        } else {
            (to, from)
        };
        let others: Vec<u64> = self
            .of(owner.0, owner.1, Object::Companies)
            .filter(|(id, _)| *id != company.1)
            .map(|(id, _)| id)
            .collect();
        for other in others {
            for (primary, _) in PRIMARY {
                self.take(owner, (Object::Companies, other), primary);
                self.take((Object::Companies, other), owner, primary);
            }
        }
    }

    /// Takes every link between two records away.
    pub(crate) fn cut(&mut self, from: End, to: End) {
        for (one, other) in [(from, to), (to, from)] {
            if let Some(links) = self.by_end.get_mut(&one) {
                links.remove(&other);
            }
        }
    }

    /// Takes every link of a record away, as archiving it does.
    pub(crate) fn forget(&mut self, end: End) {
        for other in self.by_end.remove(&end).unwrap_or_default().into_keys() {
            if let Some(links) = self.by_end.get_mut(&other) {
                links.remove(&end);
            }
        }
    }
}

/// One `associations` entry of a write: `{"to":{"id"},"types":[{"associationCategory","associationTypeId"}]}`.
pub(super) fn read_spec(data: &Data, from: Object, spec: &Value) -> Result<Vec<(u64, u64)>, Fault> {
    let to = super::values::text_of(&spec["to"]["id"]).and_then(|text| text.trim().parse::<u64>().ok());
    let to = to.ok_or_else(|| errors::invalid("associations[].to.id must be a record id".to_owned()))?;
    let types = spec["types"].as_array().filter(|types| !types.is_empty());
    let types = types.ok_or_else(|| errors::invalid("associations[].types must name a type".to_owned()))?;
    let mut links = Vec::new();
    for kind in types {
        links.push((to, read_type(data, from, to, kind)?.1));
    }
    Ok(links)
}

fn read_type(data: &Data, from: Object, to: u64, kind: &Value) -> Result<(Object, u64), Fault> {
    let category = kind["associationCategory"].as_str().unwrap_or("");
    let id = kind["associationTypeId"].as_u64().unwrap_or(0);
    let found = target(from, id).filter(|_| category == "HUBSPOT_DEFINED");
    let Some((object, _)) = found else {
        let message = format!(
            "No association type {id} of category {category} exists for {}",
            from.plural()
        );
        return Err(errors::invalid(message));
    };
    if data.live(object, to).is_none() {
        let message = format!("{} {to} to associate with does not exist", object.singular());
        return Err(errors::invalid(message));
    }
    Ok((object, id))
}

/// `associations` of a record in a v3 answer; objects without links are left out.
pub(super) fn block(data: &Data, from: End, to: &[Object]) -> Value {
    let mut body = Map::new();
    for object in to {
        let mut results = Vec::new();
        for (id, types) in data.links.of(from.0, from.1, *object) {
            for kind in TYPES
                .iter()
                .filter(|kind| kind.from == from.0 && types.contains(&kind.id))
            {
                results.push(json!({"id": id.to_string(), "type": kind.name}));
            }
        }
        if !results.is_empty() {
            body.insert(object.plural().to_owned(), json!({"results": results}));
        }
    }
    Value::Object(body)
}

fn find(text: &str) -> Result<Object, Fault> {
    Object::find(text).ok_or_else(|| errors::no_such_object(text))
}

fn link_json(from: Object, id: u64, types: &BTreeSet<u64>) -> Value {
    let kinds = TYPES
        .iter()
        .filter(|kind| kind.from == from && types.contains(&kind.id));
    let types: Vec<Value> = kinds
        .map(|kind| json!({"category": "HUBSPOT_DEFINED", "typeId": kind.id, "label": kind.label}))
        .collect();
    json!({"toObjectId": id, "associationTypes": types})
}

/// `/crm/v4/objects/{from}/{id}/associations/…`.
pub(super) fn of_record(context: &Context<'_>, from: &str, id: &str, rest: &[&str]) -> Outcome {
    let from = find(from)?;
    let verb = if context.call.method == "GET" {
        "read"
    } else {
        "write"
    };
    context.needs_object(from, verb)?;
    let mut data = context.simulator.portal.data();
    let id = id.parse().ok().filter(|id| data.live(from, *id).is_some());
    let id = id.ok_or_else(errors::not_found)?;
    match (context.call.method.as_str(), rest) {
        ("GET", [to]) => {
            let to = find(to)?;
            let (limit, after) = (context.limit(PAGE, PAGE)?, context.after()?);
            let links: Vec<_> = data
                .links
                .of(from, id, to)
                .filter(|(id, _)| *id >= after)
                .collect();
            let page = links
                .iter()
                .take(limit)
                .map(|(id, types)| link_json(from, *id, types));
            let mut body = json!({"results": page.collect::<Vec<_>>()});
            if let Some((next, _)) = links.get(limit) {
                body["paging"] = context.paging(*next);
            }
            Ok(Reply::json(200, body))
        }
        ("PUT", ["default", to, to_id]) => link_plainly(context, &mut data, (from, id), find(to)?, to_id),
        ("PUT", [to, to_id]) => link_as(context, &mut data, (from, id), find(to)?, to_id),
        ("DELETE", [to, to_id]) => {
            let to = find(to)?;
            let to_id = to_id.parse().map_err(|_| errors::not_found())?;
            data.links.cut((from, id), (to, to_id));
            Ok(Reply::empty(204))
        }
        _ => Err(errors::not_found()),
    }
}

/// `PUT …/default/{to}/{id}`.
fn link_plainly(context: &Context<'_>, data: &mut Data, from: End, to: Object, to_id: &str) -> Outcome {
    let to_id = to_id.parse().ok().filter(|id| data.live(to, *id).is_some());
    let to_id = to_id.ok_or_else(errors::not_found)?;
    let kind = default_type(from.0, to).ok_or_else(|| {
        let message = format!("{} cannot be associated with {}", from.0.plural(), to.plural());
        errors::invalid(message)
    })?;
    data.links.add(from, to_id, kind);
    let now = super::values::instant(context.simulator.clock.now_ms());
    let spec = json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind});
    let (from_id, to_id) = (from.1.to_string(), to_id.to_string());
    let result = json!({"from": {"id": from_id}, "to": {"id": to_id}, "associationSpec": spec});
    Ok(Reply::json(
        200,
        json!({"status": "COMPLETE", "startedAt": now, "completedAt": now, "results": [result]}),
    ))
}

/// `PUT …/{to}/{id}` with a list of association types.
fn link_as(context: &Context<'_>, data: &mut Data, from: End, to: Object, to_id: &str) -> Outcome {
    let to_id = to_id.parse().map_err(|_| errors::not_found())?;
    let specs: Vec<Value> = serde_json::from_slice(&context.call.body)
        .map_err(|_| errors::invalid("the body must be a list of association types".to_owned()))?;
    let mut types = Vec::new();
    for spec in &specs {
        let (object, type_id) = read_type(data, from.0, to_id, spec)?;
        if object != to {
            let message = format!("association type {type_id} does not lead to {}", to.plural());
            return Err(errors::invalid(message));
        }
        types.push(type_id);
    }
    for type_id in types {
        data.links.add(from, to_id, type_id);
    }
    let body = json!({
        "fromObjectTypeId": from.0.type_id(), "fromObjectId": from.1, "toObjectTypeId": to.type_id(),
        "toObjectId": to_id, "labels": [],
    });
    Ok(Reply::json(201, body))
}

/// `GET /crm/v4/associations/{from}/{to}/labels`.
pub(super) fn labels(context: &Context<'_>, from: &str, to: &str) -> Outcome {
    let (from, to) = (find(from)?, find(to)?);
    context.needs_object(from, "read")?;
    let results: Vec<Value> = TYPES
        .iter()
        .filter(|kind| kind.from == from && kind.to == to)
        .map(|kind| json!({"category": "HUBSPOT_DEFINED", "typeId": kind.id, "label": kind.label}))
        .collect();
    Ok(Reply::json(200, json!({"results": results})))
}

/// `POST /crm/v4/associations/{from}/{to}/batch/read`. Records without links are left out of the results.
pub(super) fn batch_read(context: &Context<'_>, from: &str, to: &str) -> Outcome {
    let (from, to) = (find(from)?, find(to)?);
    context.needs_object(from, "read")?;
    let body = context.body()?;
    let inputs = body.get("inputs").and_then(Value::as_array);
    let inputs = inputs
        .filter(|inputs| (1..=BATCH_READ_MAX).contains(&inputs.len()))
        .ok_or_else(|| errors::invalid(format!("inputs must hold 1 to {BATCH_READ_MAX} ids")))?;
    let now = super::values::instant(context.simulator.clock.now_ms());
    let data = context.simulator.portal.data();
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for input in inputs {
        let text = super::values::text_of(&input["id"]).unwrap_or_default();
        let id = text
            .trim()
            .parse()
            .ok()
            .filter(|id| data.live(from, *id).is_some());
        let links: Vec<Value> = id.map_or_else(Vec::new, |id| {
            let links = data.links.of(from, id, to);
            links.map(|(id, types)| link_json(from, id, types)).collect()
        });
        if links.is_empty() {
            missing.push(text);
        } else {
            results.push(json!({"from": {"id": text}, "to": links}));
        }
    }
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now});
    if missing.is_empty() {
        return Ok(Reply::json(200, body));
    }
    let errors: Vec<Value> = missing
        .iter()
        .map(|id| {
            let message = format!("No {} is associated with {} {id}.", to.singular(), from.singular());
            json!({
                "status": "error", "category": "OBJECT_NOT_FOUND", "message": message,
                "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "context": {"fromObjectId": [id], "fromObjectType": [from.plural()], "toObjectType": [to.plural()]},
            })
        })
        .collect();
    body["numErrors"] = Value::from(errors.len());
    body["errors"] = Value::Array(errors);
    Ok(Reply::json(207, body))
}
