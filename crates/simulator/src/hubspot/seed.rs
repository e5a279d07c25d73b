//! Deterministic records: unicode, gaps, zeros and falses, shared timestamps, archived rows.

use std::collections::BTreeMap;

use super::associations;
use super::catalog::{self, Choice};
use super::objects::Object;
use super::portal::{Data, Owner, Pipeline, PortalOptions, Stage};
use super::values::instant;
use crate::org::seed::random::Random;
use crate::org::seed::words;
use crate::org::time::{self, DAY_MS};

const fn stage(id: &'static str, label: &'static str, probability: &'static str, closed: bool) -> Stage {
    Stage {
        id,
        label,
        probability: Some(probability),
        closed,
    }
}

const fn ticket_stage(id: &'static str, label: &'static str, closed: bool) -> Stage {
    Stage {
        id,
        label,
        probability: None,
        closed,
    }
}

const SALES: &[Stage] = &[
    stage("appointmentscheduled", "Appointment Scheduled", "0.2", false),
    stage("qualifiedtobuy", "Qualified To Buy", "0.4", false),
    stage("presentationscheduled", "Presentation Scheduled", "0.6", false),
    stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", false),
    stage("contractsent", "Contract Sent", "0.9", false),
    stage("closedwon", "Closed Won", "1.0", true),
    stage("closedlost", "Closed Lost", "0.0", true),
];
/// Stages that people made have numbers for ids.
const PARTNERS: &[Stage] = &[
    stage("884123001", "Erstgespräch", "0.1", false),
    stage("884123002", "Angebot", "0.5", false),
    stage("884123003", "Gewonnen", "1.0", true),
    stage("884123004", "Verloren", "0.0", true),
];
const SUPPORT: &[Stage] = &[
    ticket_stage("1", "New", false),
    ticket_stage("2", "Waiting on contact", false),
    ticket_stage("3", "Waiting on us", false),
    ticket_stage("4", "Closed", true),
];

/// First name, last name, address. The last one has left.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("Avery", "Admin", crate::USERNAME),
    ("Zoë", "O'Neil", "zoe.oneil@crosswalk.example"),
    ("Jürgen", "Müller", "juergen.mueller@crosswalk.example"),
    ("美咲", "田中", "misaki.tanaka@crosswalk.example"),
    ("Carlos", "García Márquez", "carlos.garcia@crosswalk.example"),
    ("Lena", "Leaver", "lena.leaver@crosswalk.example"),
];
/// Rows of one import share their timestamps.
const IMPORT_ROWS: usize = 40;
/// One of so many records of each object is archived.
const ARCHIVED_ONE_IN: usize = 50;

struct Seeder {
    data: Data,
    random: Random,
    now_ms: i64,
}

type Values = BTreeMap<String, String>;

fn put(values: &mut Values, name: &str, text: &str) {
    if !text.is_empty() {
        values.insert(name.to_owned(), text.to_owned());
    }
}

/// Builds a portal.
pub(super) fn fill(options: &PortalOptions, seed: u64, now_ms: i64) -> Data {
    let born_ms = now_ms - 900 * DAY_MS;
    let owners = (0_u64..).zip(PEOPLE).map(|(place, (first, last, email))| Owner {
        id: 77_405_866 + place * 1_013,
        user_id: 9_586_504 + place * 17,
        email: email.to_owned(),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        created_ms: born_ms,
        archived: email.starts_with("lena."),
    });
    let pipelines = [
        ("deals", "default", "Sales Pipeline", SALES),
        ("deals", "73291004", "Partner – Vertrieb", PARTNERS),
        ("tickets", "0", "Support Pipeline", SUPPORT),
    ];
    let pipelines = pipelines.map(|(object, id, label, stages)| Pipeline {
        object,
        id,
        label,
        stages,
        created_ms: born_ms,
    });
    let properties = Object::ALL.map(|object| catalog::properties(object, born_ms));
    let mut seeder = Seeder {
        data: Data::new(properties, owners.collect(), pipelines.to_vec()),
        random: Random::new(seed ^ 0x4855_4253),
        now_ms,
    };
    for number in 0..options.companies {
        seeder.company(number);
    }
    for number in 0..options.contacts {
        seeder.contact(number);
    }
    for number in 0..options.deals {
        seeder.deal(number);
    }
    for number in 0..options.notes {
        seeder.note(number);
    }
    for number in 0..options.tasks {
        seeder.task(number);
    }
    seeder.archive();
    seeder.data
}

impl Seeder {
    /// When record `number` was made and last changed. Half of them come from imports.
    fn stamps(&mut self, number: usize) -> (i64, i64) {
        let import = i64::try_from(number / IMPORT_ROWS).unwrap_or(0);
        let imported_ms = self.now_ms - 600 * DAY_MS + import * 5 * 3_600_000;
        if self.random.chance(50) && imported_ms < self.now_ms {
            return (imported_ms, imported_ms);
        }
        let created_ms =
            self.now_ms - self.random.between(1, 600 * 86_400) * 1_000 - self.random.between(0, 999);
        (
            created_ms,
            created_ms + self.random.between(0, self.now_ms - created_ms),
        )
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        self.random.pick(words).unwrap_or("")
    }

    /// A value of an enumeration as the portal defines it.
    fn option(&mut self, object: Object, name: &str) -> String {
        let options: Vec<&Choice> = self
            .data
            .properties(object)
            .iter()
            .filter(|property| property.name == name)
            .flat_map(|property| &property.options)
            .collect();
        let chosen = self.random.pick(&options);
        chosen.map_or_else(String::new, |option| option.value.clone())
    }

    fn owner(&mut self, values: &mut Values) {
        if self.random.chance(85) {
            let ids: Vec<u64> = self.data.owners.iter().map(|owner| owner.id).collect();
            if let Some(id) = self.random.pick(&ids) {
                values.insert("hubspot_owner_id".to_owned(), id.to_string());
            }
        }
    }

    fn existing(&mut self, object: Object) -> Option<u64> {
        let ids: Vec<u64> = self.data.records(object).keys().copied().collect();
        self.random.pick(&ids)
    }

    fn link(&mut self, from: (Object, u64), to: Object, percent: usize) {
        let chosen = self.random.chance(percent).then(|| self.existing(to)).flatten();
        if let (Some(id), Some(kind)) = (chosen, associations::default_type(from.0, to)) {
            self.data.links.add(from, id, kind);
        }
    }

    fn place(&mut self, values: &mut Values) -> &'static str {
        let Some((city, state, zip, country, _, _, dialling)) = self.random.pick(&words::PLACE) else {
            return "";
        };
        let street = format!("{} {}", self.random.between(1, 400), self.pick(&words::STREET));
        for (name, text) in [
            ("address", street.as_str()),
            ("city", city),
            ("state", state),
            ("zip", zip),
            ("country", country),
        ] {
            put(values, name, text);
        }
        dialling
    }

    fn day(&mut self, low: i64, high: i64) -> String {
        time::format_date((self.now_ms.div_euclid(DAY_MS)) + self.random.between(low, high))
    }

    fn company(&mut self, number: usize) {
        let mut values = Values::new();
        let name = format!("{} {}", self.pick(&words::COMPANY), self.pick(&words::LINE));
        put(
            &mut values,
            "name",
            &format!("{name} {}", self.pick(&words::FORM))
                .trim()
                .replace("  ", " "),
        );
        if self.random.chance(90) {
            let slug: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let domain = format!("{}{number}.{}", slug.to_lowercase(), self.pick(&words::DOMAIN));
            put(&mut values, "website", &format!("https://www.{domain}/"));
            put(&mut values, "domain", &domain);
        }
        let dialling = self.place(&mut values);
        if self.random.chance(70) {
            put(
                &mut values,
                "phone",
                &format!("{dialling}{:04}", self.random.between(0, 9_999)),
            );
        }
        for option in ["industry", "type", "lifecyclestage", "tier"] {
            if self.random.chance(70) {
                let chosen = self.option(Object::Companies, option);
                put(&mut values, option, &chosen);
            }
        }
        if self.random.chance(75) {
            put(
                &mut values,
                "numberofemployees",
                &self.random.between(0, 5_000).to_string(),
            );
            put(
                &mut values,
                "annualrevenue",
                &(self.random.between(0, 90_000) * 1_000).to_string(),
            );
        }
        if self.random.chance(40) {
            put(
                &mut values,
                "description",
                self.random.pick(&words::SENTENCE).unwrap_or(""),
            );
            put(&mut values, "is_public", &self.random.chance(50).to_string());
        }
        if self.random.chance(50) {
            put(&mut values, "erp_number", &format!("ERP-{:06}", 100_000 + number));
            put(
                &mut values,
                "health_score",
                &self.random.between(-5, 100).to_string(),
            );
            let day = self.day(-200, 400);
            put(&mut values, "renewal_date", &day);
        }
        self.owner(&mut values);
        let stamps = self.stamps(number);
        self.data.insert(Object::Companies, values, stamps);
    }

    fn contact(&mut self, number: usize) {
        let mut values = Values::new();
        let (first, last) = (self.pick(&words::FIRST), self.pick(&words::LAST));
        if self.random.chance(95) {
            put(&mut values, "firstname", first);
        }
        put(&mut values, "lastname", last);
        if self.random.chance(92) {
            let name: String = format!("{first}.{last}")
                .chars()
                .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
                .collect();
            put(
                &mut values,
                "email",
                &format!("{}.{number}@example.com", name.to_lowercase().trim_matches('.')),
            );
        }
        let dialling = self.place(&mut values);
        for name in ["phone", "mobilephone"] {
            if self.random.chance(60) {
                put(
                    &mut values,
                    name,
                    &format!("{dialling}{:04}", self.random.between(0, 9_999)),
                );
            }
        }
        put(
            &mut values,
            "jobtitle",
            self.random.pick(&words::TITLE).unwrap_or(""),
        );
        for option in [
            "lifecyclestage",
            "hs_lead_status",
            "hs_language",
            "hs_analytics_source",
        ] {
            if self.random.chance(70) {
                let chosen = self.option(Object::Contacts, option);
                put(&mut values, option, &chosen);
            }
        }
        self.custom_values(&mut values, (first, number));
        self.owner(&mut values);
        let stamps = self.stamps(number);
        let company = self
            .random
            .chance(80)
            .then(|| self.existing(Object::Companies))
            .flatten();
        let name = company.and_then(|id| self.data.live(Object::Companies, id)?.values.get("name").cloned());
        put(&mut values, "company", &name.unwrap_or_default());
        let id = self.data.insert(Object::Contacts, values, stamps);
        if let Some(company) = company {
            self.data.links.add((Object::Contacts, id), company, 279);
        }
        self.link((Object::Contacts, id), Object::Companies, 5);
    }

    /// The custom properties of a contact.
    fn custom_values(&mut self, values: &mut Values, (first, number): (&str, usize)) {
        if self.random.chance(60) {
            put(values, "is_vip", &self.random.chance(30).to_string());
            put(
                values,
                "loyalty_points",
                &[0, 0, 7, 1_250, -3][self.random.below(5)].to_string(),
            );
            put(values, "hs_email_optout", &self.random.chance(20).to_string());
        }
        if self.random.chance(40) {
            let colours = [
                self.option(Object::Contacts, "favourite_colours"),
                "blue".to_owned(),
            ];
            let several = self.random.chance(50) && colours[0] != colours[1];
            put(
                values,
                "favourite_colours",
                &if several {
                    colours.join(";")
                } else {
                    colours[0].clone()
                },
            );
            let day = self.day(-300, 300);
            put(values, "contract_end_date", &day);
            let asked_ms = self.now_ms - self.random.between(0, 400 * 86_400) * 1_000;
            put(values, "last_survey_at", &instant(asked_ms));
            put(
                values,
                "nickname",
                &format!("{first} “the {}”", self.random.between(1, 9)),
            );
            put(values, "external_key", &format!("ext-{number}"));
        }
    }

    fn deal(&mut self, number: usize) {
        let mut values = Values::new();
        put(
            &mut values,
            "dealname",
            &format!("{} – {number}", self.pick(&words::COMPANY)),
        );
        let (pipeline, stages) = if self.random.chance(75) {
            ("default", SALES)
        } else {
            ("73291004", PARTNERS)
        };
        put(&mut values, "pipeline", pipeline);
        let stage = &stages[self.random.below(stages.len())];
        put(&mut values, "dealstage", stage.id);
        if self.random.chance(90) {
            put(
                &mut values,
                "amount",
                &[0, 1_200, 25_000, 999_999][self.random.below(4)].to_string(),
            );
            let chosen = self.option(Object::Deals, "deal_currency_code");
            put(&mut values, "deal_currency_code", &chosen);
        }
        if self.random.chance(85) {
            let ms = self.now_ms + self.random.between(-200 * 86_400, 200 * 86_400) * 1_000;
            put(&mut values, "closedate", &instant(ms));
        }
        for option in ["dealtype", "hs_priority", "hs_manual_forecast_category"] {
            if self.random.chance(60) {
                let chosen = self.option(Object::Deals, option);
                put(&mut values, option, &chosen);
            }
        }
        if stage.id == "closedlost" {
            put(&mut values, "closed_lost_reason", "Zu teuer");
        }
        if self.random.chance(40) {
            put(&mut values, "contract_reference", &format!("C/{number:05}"));
            put(
                &mut values,
                "discount_percent",
                ["0", "2.5", "15"][self.random.below(3)],
            );
            put(&mut values, "needs_legal", &self.random.chance(50).to_string());
            let day = self.day(1, 90);
            put(&mut values, "kick_off_date", &day);
        }
        self.owner(&mut values);
        let stamps = self.stamps(number);
        let id = self.data.insert(Object::Deals, values, stamps);
        self.link((Object::Deals, id), Object::Companies, 90);
        self.link((Object::Deals, id), Object::Contacts, 80);
        self.link((Object::Deals, id), Object::Contacts, 30);
    }

    fn note(&mut self, number: usize) {
        let mut values = Values::new();
        let stamps = self.stamps(number);
        put(&mut values, "hs_timestamp", &instant(stamps.0));
        let body = self.pick(&words::SENTENCE);
        put(
            &mut values,
            "hs_note_body",
            &format!("<p>{}</p>", body.replace('<', "&lt;")),
        );
        put(&mut values, "hs_body_preview", body);
        self.owner(&mut values);
        let id = self.data.insert(Object::Notes, values, stamps);
        self.activity_links((Object::Notes, id));
    }

    fn task(&mut self, number: usize) {
        let mut values = Values::new();
        let stamps = self.stamps(number);
        let due_ms = self.now_ms + self.random.between(-60, 60) * DAY_MS;
        put(&mut values, "hs_timestamp", &instant(due_ms));
        put(&mut values, "hs_task_subject", &format!("Call back № {number}"));
        if self.random.chance(60) {
            put(
                &mut values,
                "hs_task_body",
                self.random.pick(&words::SENTENCE).unwrap_or(""),
            );
        }
        for option in ["hs_task_status", "hs_task_priority", "hs_task_type"] {
            let chosen = self.option(Object::Tasks, option);
            put(&mut values, option, &chosen);
        }
        if values
            .get("hs_task_status")
            .is_some_and(|status| status == "COMPLETED")
        {
            put(&mut values, "hs_task_completion_date", &instant(stamps.1));
        }
        self.owner(&mut values);
        let id = self.data.insert(Object::Tasks, values, stamps);
        self.activity_links((Object::Tasks, id));
    }

    fn activity_links(&mut self, from: (Object, u64)) {
        self.link(from, Object::Contacts, 80);
        self.link(from, Object::Companies, 40);
        self.link(from, Object::Deals, 30);
    }

    /// The newest share of each object.
    fn archive(&mut self) {
        for object in Object::ALL {
            let count = self.data.records(object).len() / ARCHIVED_ONE_IN;
            let ids: Vec<u64> = self
                .data
                .records(object)
                .keys()
                .rev()
                .take(count)
                .copied()
                .collect();
            for id in ids {
                self.data.links.forget((object, id));
                if let Some(record) = self.data.records_mut(object).get_mut(&id) {
                    record.archived_ms = Some(record.updated_ms);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
