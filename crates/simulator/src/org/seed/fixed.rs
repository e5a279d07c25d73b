//! Organization, users, stages, statuses, record types: what every org has.

use super::Seeder;
use super::words::{DEPARTMENT, TITLE};
use crate::org::ids::RecordId;

/// First name, last name, e-mail, title, user type, active.
const USERS: [(&str, &str, &str, &str, &str, bool); 12] = [
    (
        "Avery",
        "Admin",
        "avery.admin@crosswalk.example",
        "System Administrator",
        "Standard",
        true,
    ),
    (
        "Integration",
        "User",
        "integration@crosswalk.example",
        "",
        "Standard",
        true,
    ),
    (
        "Renée",
        "Dupont",
        "renee.dupont@crosswalk.example",
        "VP Sales",
        "Standard",
        true,
    ),
    (
        "Miles",
        "O'Connor",
        "miles.oconnor@crosswalk.example",
        "Account Executive",
        "Standard",
        true,
    ),
    (
        "Priya",
        "Raman",
        "priya.raman@crosswalk.example",
        "Account Executive",
        "Standard",
        true,
    ),
    (
        "Jonas",
        "Lindqvist",
        "jonas.lindqvist@crosswalk.example",
        "SDR",
        "Standard",
        true,
    ),
    (
        "Sofía",
        "Herrera",
        "sofia.herrera@crosswalk.example",
        "Support Lead",
        "Standard",
        true,
    ),
    (
        "Kenji",
        "Sato",
        "kenji.sato@crosswalk.example",
        "Account Manager",
        "Standard",
        true,
    ),
    (
        "Olu",
        "Adeyemi",
        "olu.adeyemi@crosswalk.example",
        "Sales Engineer",
        "Standard",
        true,
    ),
    (
        "Pat",
        "Formerly",
        "pat.formerly@crosswalk.example",
        "Account Executive",
        "Standard",
        false,
    ),
    (
        "",
        "Automated Process",
        "autoproc@00ddm00000vfgtuuai",
        "",
        "AutomatedProcess",
        true,
    ),
    (
        "Platform",
        "Integration User",
        "noreply@00ddm00000vfgtuuai",
        "",
        "CloudIntegrationUser",
        true,
    ),
];

/// Label, closed, won, forecast category, its name, probability.
const STAGES: [(&str, bool, bool, &str, &str, f64); 10] = [
    ("Prospecting", false, false, "Pipeline", "Pipeline", 10.0),
    ("Qualification", false, false, "Pipeline", "Pipeline", 10.0),
    ("Needs Analysis", false, false, "Pipeline", "Pipeline", 20.0),
    ("Value Proposition", false, false, "Pipeline", "Pipeline", 50.0),
    ("Id. Decision Makers", false, false, "Pipeline", "Pipeline", 60.0),
    ("Perception Analysis", false, false, "Pipeline", "Pipeline", 70.0),
    (
        "Proposal/Price Quote",
        false,
        false,
        "BestCase",
        "Best Case",
        75.0,
    ),
    ("Negotiation/Review", false, false, "Forecast", "Commit", 90.0),
    ("Closed Won", true, true, "Closed", "Closed", 100.0),
    ("Closed Lost", true, false, "Omitted", "Omitted", 0.0),
];

/// Object, label, the object's own checkbox.
const STATUSES: [(&str, &str, bool); 13] = [
    ("LeadStatus", "Open - Not Contacted", false),
    ("LeadStatus", "Working - Contacted", false),
    ("LeadStatus", "Closed - Converted", true),
    ("LeadStatus", "Closed - Not Converted", false),
    ("CaseStatus", "New", false),
    ("CaseStatus", "Working", false),
    ("CaseStatus", "Escalated", false),
    ("CaseStatus", "Closed", true),
    ("TaskStatus", "Not Started", false),
    ("TaskStatus", "In Progress", false),
    ("TaskStatus", "Completed", true),
    ("TaskStatus", "Waiting on someone else", false),
    ("TaskStatus", "Deferred", false),
];

pub(super) fn fill(seeder: &mut Seeder) {
    organization(seeder);
    people(seeder);
    values(seeder);
}

fn organization(seeder: &mut Seeder) {
    let start = seeder.start();
    let id = seeder.add("Organization", start, |draft, _| {
        draft
            .text("Name", "Crosswalk Demo")
            .text("Country", "US")
            .text("PrimaryContact", "Avery Admin")
            .text("DefaultLocaleSidKey", "en_US")
            .text("TimeZoneSidKey", "GMT")
            .text("LanguageLocaleKey", "en_US")
            .int("FiscalYearStartMonth", 1)
            .text("OrganizationType", "Enterprise Edition")
            .text("InstanceName", "SWE42")
            .flag("IsSandbox", false);
    });
    if let Some(id) = id {
        seeder.state.organization = id;
    }
}

fn people(seeder: &mut Seeder) {
    let start = seeder.start();
    let profile = |seeder: &mut Seeder, name: &str| {
        seeder.add("Profile", start, |draft, _| {
            draft.text("Name", name).text("UserType", "Standard");
        })
    };
    let administrator = profile(seeder, "System Administrator");
    let standard = profile(seeder, "Standard User");
    let role = seeder.add("UserRole", start, |draft, _| {
        draft.text("Name", "VP Sales").text("DeveloperName", "VP_Sales");
    });
    let mut manager = None;
    for (number, (first, last, email, title, kind, active)) in USERS.into_iter().enumerate() {
        let system = kind != "Standard";
        let profile = if number < 2 { administrator } else { standard };
        let id = seeder.add("User", start, |draft, random| {
            draft
                .text("FirstName", first)
                .text("LastName", last)
                .text("Email", email)
                .text("Username", email)
                .text("Alias", &format!("user{number}"))
                .text("CommunityNickname", &format!("user.{number}"))
                .text("Title", title)
                .text("CompanyName", "Crosswalk Demo")
                .text("UserType", kind)
                .flag("IsActive", active)
                .text("TimeZoneSidKey", "GMT")
                .text("LocaleSidKey", "en_US")
                .text("LanguageLocaleKey", "en_US")
                .text("EmailEncodingKey", "UTF-8")
                .id("ProfileId", profile.filter(|_| !system))
                .id("UserRoleId", role.filter(|_| !system && number > 1))
                .id("ManagerId", manager.filter(|_| !system && number > 2));
            if !system {
                draft
                    .text("Department", random.pick(&DEPARTMENT).unwrap_or_default())
                    .text("Phone", &format!("+1 415 555 01{number:02}"));
            }
        });
        if number == 0 {
            seeder.state.admin = id.unwrap_or(seeder.state.admin);
        }
        if number == 2 {
            manager = id;
        }
        if active && !system && number > 1 {
            seeder.owners.extend(id);
        }
    }
    for (name, developer) in [
        ("Inbound Leads", "Inbound_Leads"),
        ("Support Queue", "Support_Queue"),
    ] {
        seeder.add("Group", start, |draft, _| {
            draft
                .text("Name", name)
                .text("DeveloperName", developer)
                .text("Type", "Queue");
        });
    }
}

fn values(seeder: &mut Seeder) {
    let start = seeder.start();
    for (order, (label, closed, won, category, category_name, probability)) in (1..).zip(STAGES) {
        seeder.add("OpportunityStage", start, |draft, _| {
            draft
                .text("MasterLabel", label)
                .text("ApiName", label)
                .flag("IsActive", true)
                .int("SortOrder", order)
                .flag("IsClosed", closed)
                .flag("IsWon", won)
                .text("ForecastCategory", category)
                .text("ForecastCategoryName", category_name)
                .number("DefaultProbability", probability);
        });
    }
    let mut last = "";
    let mut order = 0;
    for (object, label, ends) in STATUSES {
        order = if object == last { order + 1 } else { 1 };
        last = object;
        seeder.add(object, start, |draft, _| {
            draft
                .text("MasterLabel", label)
                .text("ApiName", label)
                .int("SortOrder", order)
                .flag("IsDefault", order == 1)
                .flag("IsConverted", ends)
                .flag("IsClosed", ends);
        });
    }
    if seeder.state.options.record_types {
        let types: Vec<(String, String, String)> = seeder
            .state
            .tables
            .iter()
            .flat_map(|table| {
                let object = table.object.name.clone();
                table
                    .object
                    .record_types
                    .iter()
                    .map(move |(developer, name)| (object.clone(), developer.clone(), name.clone()))
            })
            .collect();
        for (object, developer, name) in types {
            seeder.add("RecordType", start, |draft, _| {
                draft
                    .text("Name", &name)
                    .text("DeveloperName", &developer)
                    .text("SobjectType", &object)
                    .flag("IsActive", true);
            });
        }
    }
    for (code, rate) in [("USD", 1.0), ("EUR", 0.92), ("GBP", 0.79)] {
        seeder.add("CurrencyType", start, |draft, _| {
            draft
                .text("IsoCode", code)
                .number("ConversionRate", rate)
                .int("DecimalPlaces", 2)
                .flag("IsActive", true)
                .flag("IsCorporate", code == "USD");
        });
    }
}

impl Seeder {
    /// The day the org was made.
    pub(super) fn start(&self) -> (i64, i64) {
        let ms = self.state.options.now_ms - 730 * crate::org::time::DAY_MS;
        (ms, ms)
    }

    /// The record types of an object.
    pub(super) fn record_types(&self, object: &str) -> Vec<RecordId> {
        self.state.table("RecordType").map_or_else(Vec::new, |table| {
            table
                .live_rows()
                .filter(|row| table.get(&row.cells, "SobjectType").as_text() == Some(object))
                .map(|row| row.id)
                .collect()
        })
    }
}

/// A title, or none for a tenth of the people.
pub(super) fn title(random: &mut super::random::Random) -> &'static str {
    if random.chance(10) {
        ""
    } else {
        random.pick(&TITLE).unwrap_or_default()
    }
}
