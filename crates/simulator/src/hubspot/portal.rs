//! What the portal holds: definitions, records, links, owners, pipelines.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::associations::Links;
use super::catalog::Property;
use super::limits::Windows;
use super::oauth::Store;
use super::objects::Object;
use super::{seed, values};

/// How many rows the portal starts with.
#[derive(Debug, Clone)]
pub struct PortalOptions {
    /// How many companies to seed.
    pub companies: usize,
    /// How many contacts to seed.
    pub contacts: usize,
    /// How many deals to seed.
    pub deals: usize,
    /// How many notes to seed.
    pub notes: usize,
    /// How many tasks to seed.
    pub tasks: usize,
}

impl Default for PortalOptions {
    fn default() -> Self {
        Self {
            companies: 300,
            contacts: 1_000,
            deals: 200,
            notes: 100,
            tasks: 100,
        }
    }
}

/// The portal beside the org: filled at its first use, from the org's seed and time.
#[derive(Debug)]
pub(crate) struct Portal {
    options: PortalOptions,
    seed: u64,
    now_ms: i64,
    data: OnceLock<Mutex<Data>>,
    oauth: Mutex<Store>,
    windows: Mutex<Windows>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Portal {
    pub(crate) fn new(options: PortalOptions, seed: u64, now_ms: i64) -> Self {
        Self {
            options,
            seed,
            now_ms,
            data: OnceLock::new(),
            oauth: Mutex::default(),
            windows: Mutex::default(),
        }
    }

    /// The data. One request holds it from its first read to its last write.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        let data = self
            .data
            .get_or_init(|| Mutex::new(seed::fill(&self.options, self.seed, self.now_ms)));
        lock(data)
    }

    pub(crate) fn oauth(&self) -> MutexGuard<'_, Store> {
        lock(&self.oauth)
    }

    pub(crate) fn windows(&self) -> MutexGuard<'_, Windows> {
        lock(&self.windows)
    }

    /// Tokens, logins and windows as at the start; records and definitions stay.
    pub(crate) fn reset(&self) {
        *self.oauth() = Store::default();
        *self.windows() = Windows::default();
    }
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// Values that somebody has set; never empty.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) archived_ms: Option<i64>,
}

/// A person who can own records and log in.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    pub(crate) user_id: u64,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) created_ms: i64,
    /// Deactivated.
    pub(crate) archived: bool,
}

/// One stage of a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    /// `0.2`, as text; tickets have none.
    pub(crate) probability: Option<&'static str>,
    pub(crate) closed: bool,
}

/// A pipeline of deals or tickets.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// `deals` or `tickets`.
    pub(crate) object: &'static str,
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) stages: &'static [Stage],
    pub(crate) created_ms: i64,
}

/// Everything a request reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    properties: [Vec<Property>; 5],
    records: [BTreeMap<u64, Record>; 5],
    pub(crate) links: Links,
    pub(crate) owners: Vec<Owner>,
    pub(crate) pipelines: Vec<Pipeline>,
}

impl Data {
    pub(crate) fn new(properties: [Vec<Property>; 5], owners: Vec<Owner>, pipelines: Vec<Pipeline>) -> Self {
        Self {
            properties,
            records: Default::default(),
            links: Links::default(),
            owners,
            pipelines,
        }
    }

    pub(crate) fn properties(&self, object: Object) -> &[Property] {
        &self.properties[object as usize]
    }

    pub(crate) fn properties_mut(&mut self, object: Object) -> &mut Vec<Property> {
        &mut self.properties[object as usize]
    }

    /// The definition of a property the app can see.
    pub(crate) fn property(&self, object: Object, name: &str) -> Option<&Property> {
        self.properties(object)
            .iter()
            .find(|property| property.name == name && !property.invisible)
    }

    pub(crate) fn records(&self, object: Object) -> &BTreeMap<u64, Record> {
        &self.records[object as usize]
    }

    pub(crate) fn records_mut(&mut self, object: Object) -> &mut BTreeMap<u64, Record> {
        &mut self.records[object as usize]
    }

    /// A record that is not archived.
    pub(crate) fn live(&self, object: Object, id: u64) -> Option<&Record> {
        self.records(object)
            .get(&id)
            .filter(|record| record.archived_ms.is_none())
    }

    /// The id that a text means: a number, or the value of a unique property.
    pub(crate) fn find(&self, object: Object, text: &str, id_property: Option<&str>) -> Option<u64> {
        match id_property {
            None | Some("hs_object_id") => text.trim().parse().ok(),
            Some(name) => {
                let wanted = text.trim().to_lowercase();
                self.records(object)
                    .values()
                    .find(|record| {
                        record.archived_ms.is_none()
                            && record
                                .values
                                .get(name)
                                .is_some_and(|value| value.to_lowercase() == wanted)
                    })
                    .map(|record| record.id)
            }
        }
    }

    /// Adds a record and gives its id.
    pub(crate) fn insert(
        &mut self,
        object: Object,
        values: BTreeMap<String, String>,
        stamps: (i64, i64),
    ) -> u64 {
        let records = self.records_mut(object);
        let id = records
            .last_key_value()
            .map_or(object.first_id(), |(id, _)| id + 1);
        let record = Record {
            id,
            values,
            created_ms: stamps.0,
            updated_ms: stamps.1,
            archived_ms: None,
        };
        records.insert(id, record);
        id
    }

    /// The stage of this id in this pipeline.
    pub(crate) fn stage(&self, pipeline: &str, stage: &str) -> Option<&'static Stage> {
        let pipeline = self.pipelines.iter().find(|other| other.id == pipeline)?;
        pipeline.stages.iter().find(|other| other.id == stage)
    }

    /// The value of a property, whoever holds it: the record, its dates, its links or its stage.
    pub(crate) fn value(&self, object: Object, record: &Record, name: &str) -> Option<String> {
        if name == "hs_object_id" {
            return Some(record.id.to_string());
        }
        if name == object.created() {
            return Some(values::instant(record.created_ms));
        }
        if name == object.modified() {
            return Some(values::instant(record.updated_ms));
        }
        let count = |to: Object| {
            let linked = self.links.of(object, record.id, to).count();
            (linked > 0).then(|| linked.to_string())
        };
        match (object, name) {
            (Object::Contacts, "associatedcompanyid") | (Object::Deals, "hs_primary_associated_company") => {
                self.links
                    .primary_company(object, record.id)
                    .map(|id| id.to_string())
            }
            (Object::Contacts | Object::Companies, "num_associated_deals") => count(Object::Deals),
            (Object::Companies | Object::Deals, "num_associated_contacts") => count(Object::Contacts),
            (Object::Contacts, "hs_email_domain") => {
                let email = record.values.get("email")?;
                email.split_once('@').map(|(_, domain)| domain.to_owned())
            }
            (Object::Deals, _) => self.deal_value(record, name),
            _ => record.values.get(name).cloned(),
        }
    }

    fn deal_value(&self, record: &Record, name: &str) -> Option<String> {
        let stage = || {
            let pipeline = record.values.get("pipeline")?;
            self.stage(pipeline, record.values.get("dealstage")?)
        };
        match name {
            "hs_is_closed" => stage().map(|stage| stage.closed.to_string()),
            "hs_is_closed_won" => {
                stage().map(|stage| (stage.closed && stage.probability == Some("1.0")).to_string())
            }
            "hs_deal_stage_probability" => stage()?.probability.map(str::to_owned),
            "hs_projected_amount" => {
                let amount: f64 = record.values.get("amount")?.parse().ok()?;
                let share: f64 = stage()?.probability?.parse().ok()?;
                Some((amount * share).to_string())
            }
            _ => record.values.get(name).cloned(),
        }
    }
}
