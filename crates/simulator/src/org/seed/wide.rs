//! Values for the custom fields of every type.

use super::draft::Draft;
use super::random::Random;
use super::words::SENTENCE;
use crate::org::ids::RecordId;
use crate::org::schema::{Kind, wide};
use crate::org::time::DAY_MS;

/// Of a hundred fields so many are filled: nobody fills them all.
const FILLED_PERCENT: usize = 12;
/// Texts that quoting, trimming, HTML and right-to-left scripts may get wrong.
const TEXTS: [&str; 7] = [
    "O'Brien & \"Söhne\"",
    "50% off_now \\ then",
    "line one\nline two\ttab",
    "😀 顧客 مرحبا",
    "<script>alert(1)</script>",
    "null",
    "${7*7} {{x}} $eval(1)",
];

/// The rows that lookups may point at.
pub(super) struct Rows<'a> {
    pub(super) accounts: &'a [RecordId],
    pub(super) contacts: &'a [(RecordId, Option<RecordId>)],
    pub(super) users: &'a [RecordId],
}

pub(super) fn fill(draft: &mut Draft<'_>, random: &mut Random, rows: &Rows<'_>, now_ms: i64) {
    for field in draft.fields() {
        if !wide::is_one(&field.name) || field.kind.is_compound() || !random.chance(FILLED_PERCENT) {
            continue;
        }
        let name = field.name.as_str();
        let text = random.pick(&TEXTS).unwrap_or_default();
        match field.kind {
            Kind::Boolean => draft.flag(name, true),
            Kind::Double if field.compound.is_some() => draft.number(name, degrees(random)),
            Kind::Double | Kind::Currency => draft.number(
                name,
                f64::from(u32::try_from(random.below(9_000_000)).unwrap_or(0)) / 4.0,
            ),
            Kind::Percent => draft.number(
                name,
                f64::from(u32::try_from(random.below(200)).unwrap_or(0)) / 2.0,
            ),
            Kind::Date => draft.date(name, now_ms / DAY_MS - random.between(-900, 40_000)),
            Kind::Datetime => draft.moment(name, now_ms - random.between(-900, 900) * DAY_MS),
            Kind::Time => draft.text(
                name,
                ["00:00:00.000Z", "10:30:00.000Z", "23:59:59.999Z"][random.below(3)],
            ),
            Kind::Email => draft.text(name, "o'brien+tag@sub.example.com"),
            Kind::Phone => draft.text(name, "+49 (0)30 1234-5678 #9"),
            Kind::Url => draft.text(name, "https://example.com/a?b=c&d='e'#f"),
            Kind::Picklist => draft.text(name, random.pick(&wide::CHOICES).unwrap_or_default()),
            Kind::Multipicklist => draft.text(name, &wide::CHOICES[random.below(3)..].join(";")),
            Kind::Textarea => draft.text(name, &[SENTENCE[random.below(8)], text].join("\n")),
            Kind::Reference => draft.id(name, target(&field.reference_to, random, rows)),
            _ => draft.text(name, text),
        };
    }
}

fn degrees(random: &mut Random) -> f64 {
    f64::from(i32::try_from(random.between(-89_999_999, 89_999_999)).unwrap_or(0)) / 1_000_000.0
}

fn target(to: &[String], random: &mut Random, rows: &Rows<'_>) -> Option<RecordId> {
    match to.first().map(String::as_str) {
        Some("Account") => random.pick(rows.accounts),
        Some("Contact") => random.pick(rows.contacts).map(|(contact, _)| contact),
        _ => random.pick(rows.users),
    }
}
