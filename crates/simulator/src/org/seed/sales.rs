//! Accounts, contacts, leads, opportunities and the custom objects around them.

use super::Seeder;
use super::draft::Draft;
use super::fixed::title;
use super::random::Random;
use super::words::{COMPANY, DEPARTMENT, DOMAIN, FIRST, FORM, LAST, LINE, PLACE, SENTENCE, STREET};
use crate::org::dml::person::keep_alike;
use crate::org::time::DAY_MS;

pub(super) fn fill(seeder: &mut Seeder) {
    campaigns(seeder);
    accounts(seeder);
    contacts(seeder);
    leads(seeder);
    opportunities(seeder);
    registrations(seeder);
}

/// Lower-case ASCII letters and digits of a text: the stem of an e-mail address or host.
fn stem(text: &str) -> String {
    let stem: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if stem.is_empty() {
        "mail".to_owned()
    } else {
        stem.to_ascii_lowercase()
    }
}

fn company(random: &mut Random) -> String {
    let name = random.pick(&COMPANY).unwrap_or_default();
    let line = random.pick(&LINE).unwrap_or_default();
    let form = random.pick(&FORM).unwrap_or_default();
    format!("{name} {line} {form}").trim().to_owned()
}

fn choose(draft: &mut Draft<'_>, random: &mut Random, field: &str, empty_percent: usize) {
    if random.chance(empty_percent) {
        return;
    }
    let choices = draft.choices(field);
    if let Some(choice) = choices.get(random.below(choices.len())) {
        draft.text(field, choice);
    }
}

/// An address under a field prefix; a few hold the whole address in the street, as real imports do.
fn address(draft: &mut Draft<'_>, random: &mut Random, prefix: &str) -> &'static str {
    let place = random.pick(&PLACE).unwrap_or(PLACE[0]);
    let street = format!(
        "{} {}",
        random.between(1, 2_400),
        random.pick(&STREET).unwrap_or_default()
    );
    if random.chance(3) {
        let whole = format!("{street}\n{} {}\n{}", place.2, place.0, place.3);
        draft.text(&format!("{prefix}Street"), &whole);
        return place.6;
    }
    if random.chance(85) {
        for (part, value) in [
            ("Street", street.as_str()),
            ("City", place.0),
            ("State", place.1),
            ("PostalCode", place.2),
            ("Country", place.3),
            ("StateCode", place.4),
            ("CountryCode", place.5),
        ] {
            draft.text(&format!("{prefix}{part}"), value);
        }
    }
    place.6
}

fn phone(random: &mut Random, dial: &str) -> String {
    format!("{dial}{:04}", random.between(0, 9_999))
}

/// The custom fields the main objects share: values of every kind, zeros, empty texts and gaps.
fn custom(draft: &mut Draft<'_>, random: &mut Random, prefix: &str, number: usize, now_ms: i64) {
    match random.below(10) {
        0 => draft.number("LTV_Score__c", 0.0),
        1..=7 => draft.number("LTV_Score__c", small(random.between(1, 100_000)) / 100.0),
        _ => draft,
    };
    choose(draft, random, "Segment__c", 30);
    if random.chance(80) {
        draft.text("Ext_Id__c", &format!("{prefix}-{number:06}"));
    }
    if random.chance(60) {
        draft.date("Renewal_Date__c", now_ms / DAY_MS + random.between(-200, 500));
    }
    if random.chance(60) {
        draft.moment("Last_Touch__c", now_ms - random.between(1, 500_000) * 60_000);
    }
    if random.chance(20) {
        let text = [SENTENCE[random.below(8)], SENTENCE[random.below(8)]].join("\n\n");
        draft.text("Notes_Long__c", &text);
    }
    draft
        .flag("Is_Champion__c", random.chance(20))
        .flag("Is_Strategic__c", random.chance(10));
    if random.chance(40) {
        let choices = draft.choices("Interests__c");
        let chosen: Vec<String> = choices.into_iter().filter(|_| random.chance(40)).collect();
        if !chosen.is_empty() {
            draft.text("Interests__c", &chosen.join(";"));
        }
    }
}

/// A count as a number cell's content; seeds stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "seeded numbers stay far below 2^53")]
fn small(number: i64) -> f64 {
    number as f64
}

fn campaigns(seeder: &mut Seeder) {
    let today = seeder.state.options.now_ms / DAY_MS;
    for (number, name) in [
        "Autumn Conference",
        "Webinar: Data Sync",
        "Partner Referral",
        "Newsletter",
        "Trade Fair München",
        "Cold Outreach",
    ]
    .into_iter()
    .enumerate()
    {
        let stamps = seeder.stamps(number);
        let id = seeder.add("Campaign", stamps, |draft, random| {
            choose(draft, random, "Type", 0);
            choose(draft, random, "Status", 0);
            let start = today - random.between(10, 400);
            draft
                .text("Name", name)
                .date("StartDate", start)
                .date("EndDate", start + 30)
                .number("BudgetedCost", small(random.between(1, 50) * 1_000))
                .flag("IsActive", random.chance(50));
            for counted in [
                "NumberOfLeads",
                "NumberOfConvertedLeads",
                "NumberOfContacts",
                "NumberOfResponses",
                "NumberOfOpportunities",
                "NumberOfWonOpportunities",
            ] {
                draft.int(counted, 0);
            }
        });
        seeder.campaigns.extend(id);
    }
}

fn accounts(seeder: &mut Seeder) {
    let count = seeder.state.options.accounts;
    let now_ms = seeder.state.options.now_ms;
    let kept = Seeder::kept(count, 50);
    let types = seeder.record_types("Account");
    let persons = seeder.state.options.person_accounts;
    for number in 0..count {
        let stamps = seeder.stamps(number);
        let is_person = persons && number % 5 == 4 && number < kept;
        let parent = if seeder.random.chance(8) && !is_person {
            seeder.random.pick(&seeder.accounts)
        } else {
            None
        };
        let id = seeder.add("Account", stamps, |draft, random| {
            let name = company(random);
            let dial = address(draft, random, "Billing");
            address(draft, random, "Shipping");
            if is_person {
                person(draft, random);
            } else {
                draft.text("Name", &name);
            }
            draft
                .id("ParentId", parent)
                .id("RecordTypeId", random.pick(&types));
            for (field, empty) in [
                ("Type", 20),
                ("Industry", 25),
                ("Rating", 50),
                ("AccountSource", 50),
                ("Ownership", 60),
            ] {
                choose(draft, random, field, empty);
            }
            if random.chance(80) {
                let host = stem(&name);
                let top = random.pick(&DOMAIN).unwrap_or("com");
                let start = ["https://www.", "http://", "www.", ""][random.below(4)];
                draft.text("Website", &format!("{start}{host}.{top}"));
            }
            if random.chance(85) {
                draft.text("Phone", &phone(random, dial));
            }
            match random.below(10) {
                0 => draft.int("NumberOfEmployees", 0).number("AnnualRevenue", 0.0),
                1..=7 => draft
                    .int("NumberOfEmployees", random.between(1, 40_000))
                    .number("AnnualRevenue", small(random.between(1, 9_000)) * 100_000.0),
                _ => draft,
            };
            if random.chance(30) {
                draft.text("Description", SENTENCE[random.below(8)]);
            }
            if random.chance(60) {
                draft.text("AccountNumber", &format!("CC{:06}", 213_000 + number));
            }
            custom(draft, random, "ACC", number, now_ms);
            draft.text("Region__c", ["EMEA", "AMER", "APAC", ""][random.below(4)]);
            if random.chance(50) {
                draft
                    .number("Health__c", small(random.between(0, 100)))
                    .number("Contract_Value__c", small(random.between(0, 90_000)) + 0.5);
            }
        });
        match id {
            // Nobody works for a person: the contact of the account is the person itself.
            Some(id) if is_person => keep_alike(&mut seeder.state, id),
            _ if number < kept => seeder.accounts.extend(id),
            _ => {}
        }
    }
}

fn person(draft: &mut Draft<'_>, random: &mut Random) {
    let first = random.pick(&FIRST).unwrap_or_default();
    let last = random.pick(&LAST).unwrap_or_default();
    let email = format!("{}.{}@mail.example", stem(first), stem(last));
    draft
        .text("FirstName", first)
        .text("LastName", last)
        .text("PersonEmail", &email);
}

fn contacts(seeder: &mut Seeder) {
    let count = seeder.state.options.contacts;
    let now_ms = seeder.state.options.now_ms;
    let kept = Seeder::kept(count, 40);
    let types = seeder.record_types("Contact");
    for number in 0..count {
        let stamps = seeder.stamps(number);
        let account = if seeder.random.chance(95) {
            seeder.random.pick(&seeder.accounts)
        } else {
            None
        };
        let manager = if seeder.random.chance(15) {
            seeder.random.pick(&seeder.contacts).map(|(contact, _)| contact)
        } else {
            None
        };
        let id = seeder.add("Contact", stamps, |draft, random| {
            let only_last = random.chance(4);
            let first = if only_last {
                ""
            } else {
                random.pick(&FIRST).unwrap_or_default()
            };
            let last = random.pick(&LAST).unwrap_or_default();
            let dial = address(draft, random, "Mailing");
            draft
                .text("LastName", last)
                .text("FirstName", first)
                .id("AccountId", account)
                .id("ReportsToId", manager)
                .id("RecordTypeId", random.pick(&types));
            custom(draft, random, "CON", number, now_ms);
            if only_last {
                return;
            }
            if random.chance(92) {
                let top = random.pick(&DOMAIN).unwrap_or("com");
                draft.text(
                    "Email",
                    &format!(
                        "{}.{}{number}@{}.{top}",
                        stem(first),
                        stem(last),
                        stem(&company(random))
                    ),
                );
            }
            for (field, percent) in [
                ("Phone", 80),
                ("MobilePhone", 60),
                ("HomePhone", 15),
                ("OtherPhone", 8),
                ("AssistantPhone", 5),
                ("Fax", 10),
            ] {
                if random.chance(percent) {
                    draft.text(field, &phone(random, dial));
                }
            }
            draft
                .text("Title", title(random))
                .text("Department", random.pick(&DEPARTMENT).unwrap_or_default());
            choose(draft, random, "LeadSource", 30);
            choose(draft, random, "Salutation", 60);
            if random.chance(25) {
                draft.date("Birthdate", random.between(-10_000, 12_000));
            }
            if random.chance(25) {
                draft.text("Description", SENTENCE[random.below(8)]);
            }
            draft
                .flag("HasOptedOutOfEmail", random.chance(12))
                .flag("DoNotCall", random.chance(6));
            draft.text(
                "Lead_Source__c",
                ["Webinar", "Event: Berlin", "", "Inbound / Chat"][random.below(4)],
            );
            if random.chance(50) {
                draft
                    .number("Seats__c", small(random.between(0, 500)))
                    .number("Commission__c", small(random.between(0, 3_000)) / 100.0)
                    .number("Budget__c", small(random.between(0, 100_000)));
            }
        });
        if number < kept {
            seeder.contacts.extend(id.map(|id| (id, account)));
        }
    }
}

fn leads(seeder: &mut Seeder) {
    let count = seeder.state.options.leads;
    let now_ms = seeder.state.options.now_ms;
    let kept = Seeder::kept(count, 40);
    let types = seeder.record_types("Lead");
    let queue = seeder
        .state
        .table("Group")
        .and_then(|table| table.rows.first().map(|row| row.id));
    for number in 0..count {
        let stamps = seeder.stamps(number);
        let (contact, account) = seeder.random.pick(&seeder.contacts).unzip();
        let id = seeder.add("Lead", stamps, |draft, random| {
            let (first, last) = (
                random.pick(&FIRST).unwrap_or_default(),
                random.pick(&LAST).unwrap_or_default(),
            );
            let dial = address(draft, random, "");
            let name = company(random);
            if random.chance(15) {
                draft.id("OwnerId", queue);
            }
            draft
                .text("LastName", last)
                .text("FirstName", if random.chance(5) { "" } else { first })
                .text("Company", &name)
                .text("Title", title(random))
                .text(
                    "Email",
                    &format!("{}.{}{number}@{}.com", stem(first), stem(last), stem(&name)),
                )
                .text("Phone", &phone(random, dial))
                .flag("IsUnreadByOwner", random.chance(40))
                .flag("HasOptedOutOfEmail", random.chance(10))
                .id("RecordTypeId", random.pick(&types));
            for (field, empty) in [
                ("Status", 0),
                ("LeadSource", 20),
                ("Industry", 40),
                ("Rating", 50),
                ("Product_Line__c", 50),
            ] {
                choose(draft, random, field, empty);
            }
            if random.chance(50) {
                draft
                    .int("NumberOfEmployees", random.between(0, 5_000))
                    .number("AnnualRevenue", small(random.between(0, 900)) * 10_000.0);
            }
            if random.chance(8) {
                draft
                    .text("Status", "Closed - Converted")
                    .flag("IsConverted", true)
                    .date("ConvertedDate", stamps.1 / DAY_MS)
                    .id("ConvertedContactId", contact)
                    .id("ConvertedAccountId", account.flatten());
            }
            custom(draft, random, "LEA", number, now_ms);
        });
        if number < kept {
            seeder.leads.extend(id);
        }
    }
}

fn opportunities(seeder: &mut Seeder) {
    let count = seeder.state.options.opportunities;
    let now_ms = seeder.state.options.now_ms;
    let kept = Seeder::kept(count, 50);
    let types = seeder.record_types("Opportunity");
    for number in 0..count {
        let stamps = seeder.stamps(number);
        let (contact, account) = seeder.random.pick(&seeder.contacts).unzip();
        let campaign = if seeder.random.chance(20) {
            seeder.random.pick(&seeder.campaigns)
        } else {
            None
        };
        let id = seeder.add("Opportunity", stamps, |draft, random| {
            choose(draft, random, "StageName", 0);
            choose(draft, random, "Type", 30);
            choose(draft, random, "LeadSource", 30);
            choose(draft, random, "Loss_Reason__c", 80);
            draft
                .text(
                    "Name",
                    &format!(
                        "{} - {} {number}",
                        company(random),
                        ["New Business", "Renewal", "Upsell"][random.below(3)]
                    ),
                )
                .id("AccountId", account.flatten())
                .id("CampaignId", campaign)
                .id("ContactId", contact)
                .id("RecordTypeId", random.pick(&types))
                .date("CloseDate", now_ms / DAY_MS + random.between(-300, 200))
                .moment("LastStageChangeDate", stamps.1);
            match random.below(10) {
                0 => draft.number("Amount", 0.0),
                1..=7 => draft.number("Amount", small(random.between(100, 9_000_000)) / 10.0),
                _ => draft,
            };
            if random.chance(40) {
                draft
                    .text("NextStep", "Send the quote")
                    .text("Description", SENTENCE[random.below(8)]);
            }
            custom(draft, random, "OPP", number, now_ms);
        });
        if number < kept
            && let (Some(opportunity), Some(contact)) = (id, contact)
        {
            seeder.opportunities.push(opportunity);
            seeder.add("OpportunityContactRole", stamps, |draft, random| {
                draft
                    .id("OpportunityId", Some(opportunity))
                    .id("ContactId", Some(contact))
                    .flag("IsPrimary", true);
                choose(draft, random, "Role", 10);
            });
        }
    }
}

fn registrations(seeder: &mut Seeder) {
    let now_ms = seeder.state.options.now_ms;
    for number in 0..seeder.accounts.len() / 4 {
        let stamps = seeder.stamps(number);
        let (contact, account) = seeder.random.pick(&seeder.contacts).unzip();
        let opportunity = seeder.random.pick(&seeder.opportunities);
        seeder.add("Deal_Registration__c", stamps, |draft, random| {
            draft
                .text("Name", &format!("Registration {number:04}"))
                .id("Account__c", account.flatten())
                .id("Contact__c", contact)
                .id("Opportunity__c", opportunity)
                .number("Deal_Value__c", small(random.between(0, 90_000)))
                .number("Units__c", small(random.between(0, 300)))
                .date("Registered_On__c", now_ms / DAY_MS - random.between(0, 300))
                .flag("Is_Exclusive__c", random.chance(30))
                .text("Ext_Id__c", &format!("DR-{number:05}"));
            choose(draft, random, "Status__c", 0);
            choose(draft, random, "Products__c", 30);
        });
        let account = seeder.random.pick(&seeder.accounts);
        seeder.add("Subscription__c", stamps, |draft, random| {
            choose(draft, random, "Plan__c", 0);
            let start = now_ms / DAY_MS - random.between(0, 700);
            draft
                .text("Name", &format!("SUB-{:05}", number + 1))
                .id("Account__c", account)
                .number("Monthly_Fee__c", small(random.between(0, 900)))
                .number("Seats__c", small(random.between(1, 400)))
                .date("Starts_On__c", start)
                .date("Ends_On__c", start + 365)
                .flag("Auto_Renew__c", random.chance(70));
        });
    }
}
