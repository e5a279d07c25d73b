//! Cases, tasks, events, notes, campaign members.

use super::Seeder;
use super::words::SENTENCE;
use crate::org::cell::Cell;
use crate::org::ids::RecordId;
use crate::org::time::DAY_MS;

pub(super) fn fill(seeder: &mut Seeder) {
    cases(seeder);
    tasks(seeder);
    events(seeder);
    notes(seeder);
    members(seeder);
    invitations(seeder);
}

/// Whoever an event is about is invited to it, and with some of them a colleague of its owner.
fn invitations(seeder: &mut Seeder) {
    let Some(place) = seeder.state.place("Event") else {
        return;
    };
    let table = &seeder.state.tables[place];
    let who = table.object.slot("WhoId");
    let events: Vec<(RecordId, Option<RecordId>)> = table
        .rows
        .iter()
        .map(|row| {
            let who = who.and_then(|slot| match *row.cell(slot) {
                Cell::Id(id) => Some(id),
                _ => None,
            });
            (row.id, who)
        })
        .collect();
    for (number, (event, who)) in events.into_iter().enumerate() {
        let stamps = seeder.stamps(number);
        let colleague = seeder.random.pick(&seeder.owners);
        let colleague = colleague.filter(|_| seeder.random.chance(40));
        for invited in [who, colleague].into_iter().flatten() {
            seeder.add("EventRelation", stamps, |draft, random| {
                draft
                    .id("EventId", Some(event))
                    .id("RelationId", Some(invited))
                    .text("Status", ["New", "Accepted", "Declined"][random.below(3)]);
            });
        }
    }
}

/// What an activity is about: a contact or lead, and an account or opportunity.
fn about(seeder: &mut Seeder) -> (Option<RecordId>, Option<RecordId>) {
    if seeder.random.chance(20) {
        return (seeder.random.pick(&seeder.leads), None);
    }
    let (contact, account) = seeder.random.pick(&seeder.contacts).unzip();
    let what = if seeder.random.chance(50) {
        seeder.random.pick(&seeder.opportunities)
    } else {
        account.flatten()
    };
    (contact.filter(|_| seeder.random.chance(85)), what)
}

fn cases(seeder: &mut Seeder) {
    // One import: every case carries the same timestamp, as in a recorded org.
    let stamps = seeder.stamps(0);
    for number in 0..seeder.state.options.cases {
        let (contact, account) = seeder.random.pick(&seeder.contacts).unzip();
        let types = seeder.record_types("Case");
        seeder.add("Case", (stamps.0, stamps.0), |draft, random| {
            for field in ["Status", "Priority", "Origin", "Type", "Reason"] {
                let choices = draft.choices(field);
                if let Some(choice) = choices.get(random.below(choices.len())) {
                    draft.text(field, choice);
                }
            }
            draft
                .text("CaseNumber", &format!("{:08}", 1_001 + number))
                .text(
                    "Subject",
                    [
                        "Login fails",
                        "Invoice is wrong",
                        "Slow sync",
                        "Feature: dark mode",
                    ][random.below(4)],
                )
                .id("ContactId", contact)
                .id("AccountId", account.flatten())
                .id("RecordTypeId", random.pick(&types))
                .flag("IsEscalated", random.chance(10));
            if random.chance(70) {
                draft.text("Description", SENTENCE[random.below(8)]);
            }
        });
    }
}

fn tasks(seeder: &mut Seeder) {
    let now_ms = seeder.state.options.now_ms;
    for number in 0..seeder.state.options.tasks {
        let stamps = seeder.stamps(number);
        let (who, what) = about(seeder);
        seeder.add("Task", stamps, |draft, random| {
            for field in ["Status", "Priority"] {
                let choices = draft.choices(field);
                if let Some(choice) = choices.get(random.below(choices.len())) {
                    draft.text(field, choice);
                }
            }
            draft
                .text(
                    "Subject",
                    ["Call", "Email", "Send Quote", "Prepare QBR", ""][random.below(5)],
                )
                .id("WhoId", who)
                .id("WhatId", what)
                .text("TaskSubtype", ["Task", "Task", "Call", "Email"][random.below(4)]);
            if random.chance(85) {
                draft.date("ActivityDate", now_ms / DAY_MS + random.between(-200, 60));
            }
            if random.chance(50) {
                draft.text("Description", SENTENCE[random.below(8)]);
            }
            if random.chance(10) {
                draft
                    .int("CallDurationInSeconds", random.between(0, 3_600))
                    .text("CallType", "Outbound");
            }
        });
    }
}

fn events(seeder: &mut Seeder) {
    let now_ms = seeder.state.options.now_ms;
    for number in 0..seeder.state.options.events {
        let stamps = seeder.stamps(number);
        let (who, what) = about(seeder);
        seeder.add("Event", stamps, |draft, random| {
            let start_ms =
                now_ms - now_ms.rem_euclid(DAY_MS) + random.between(-300 * 24, 60 * 24) * 3_600_000;
            let minutes = [30, 45, 60, 90][random.below(4)];
            draft
                .text(
                    "Subject",
                    ["Demo", "Kick-off", "Quarterly review", "Lunch"][random.below(4)],
                )
                .text(
                    "Location",
                    ["", "Zoom", "Head office", "Café Central"][random.below(4)],
                )
                .moment("StartDateTime", start_ms)
                .int("DurationInMinutes", minutes)
                .flag("IsAllDayEvent", random.chance(5))
                .text("ShowAs", "Busy")
                .text("EventSubtype", "Event")
                .id("WhoId", who)
                .id("WhatId", what);
            if random.chance(50) {
                draft.text("Description", SENTENCE[random.below(8)]);
            }
        });
    }
}

fn notes(seeder: &mut Seeder) {
    for number in 0..seeder.accounts.len() / 5 {
        let stamps = seeder.stamps(number);
        let parent = seeder.random.pick(&seeder.accounts);
        seeder.add("Note", stamps, |draft, random| {
            draft
                .id("ParentId", parent)
                .text(
                    "Title",
                    ["Call notes", "Background", "Meeting 1"][random.below(3)],
                )
                .text("Body", SENTENCE[random.below(8)]);
        });
        let note = seeder.add("ContentNote", stamps, |draft, random| {
            let text = SENTENCE[random.below(8)];
            draft
                .text("Title", ["Discovery", "Next steps", "Risks"][random.below(3)])
                .text("TextPreview", text)
                .text("FileType", "SNOTE")
                .text("FileExtension", "snote")
                .text("SharingPrivacy", "N")
                .text("Content", &crate::org::dml::base64_text(text))
                .moment("ContentModifiedDate", stamps.1)
                .int("ContentSize", i64::try_from(text.len()).unwrap_or(0));
        });
        let linked = seeder.random.pick(&seeder.accounts);
        seeder.add("ContentDocumentLink", stamps, |draft, _| {
            draft
                .id("ContentDocumentId", note)
                .id("LinkedEntityId", linked)
                .text("ShareType", "V")
                .text("Visibility", "AllUsers");
        });
    }
}

fn members(seeder: &mut Seeder) {
    for number in 0..seeder.leads.len() / 4 {
        let stamps = seeder.stamps(number);
        let campaign = seeder.random.pick(&seeder.campaigns);
        let lead = seeder.random.pick(&seeder.leads);
        let contact = seeder.random.pick(&seeder.contacts).map(|(contact, _)| contact);
        let with_lead = seeder.random.chance(50);
        seeder.add("CampaignMember", stamps, |draft, random| {
            draft
                .id("CampaignId", campaign)
                .id("LeadId", lead.filter(|_| with_lead))
                .id("ContactId", contact.filter(|_| !with_lead))
                .text("Status", ["Sent", "Responded"][random.below(2)]);
        });
    }
}
