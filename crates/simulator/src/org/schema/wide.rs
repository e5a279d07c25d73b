//! The custom fields of an org that its admins have worked on for years: every type, names that read like clauses, labels
//! in several scripts.

use super::{Child, Field, Kind, Object, Pick, text_field};

/// Types go round with this many fields.
const ROUND: usize = 20;
/// Names that a statement might trip over, and one of a managed package; the first fields of a round bear them.
const NAMES: [&str; 8] = [
    "Name__c",
    "acme__Score__c",
    "Select__c",
    "Id__c",
    "From__c",
    "Limit__c",
    "Null__c",
    "Owner_Name__c",
];
const LABELS: [&str; 5] = ["Größe", "顧客ランク", "L’année <b>", "Рейтинг", "قيمة \"X\""];
/// What the lookups point at, in turn.
const TARGETS: [&str; 3] = ["Account", "Contact", "User"];
/// Values of the picklists: what quoting and splitting may get wrong.
pub(crate) const CHOICES: [&str; 5] = ["O'Neil & Söhne", "50%_off", "東京", "back\\slash", "plain"];

/// Whether a field is one of these, as its own object bears it.
pub(crate) fn is_one(name: &str) -> bool {
    name.starts_with("Wide_") && !name.ends_with("__pc") || NAMES.contains(&name)
}

/// What custom field `number` of an object is made of: a geolocation is three fields, all others are one.
pub(super) fn fields(number: usize) -> Vec<Field> {
    let round = number / ROUND;
    let stem = format!("Wide_{number:03}");
    let name = match NAMES.get(round) {
        Some(name) if number.is_multiple_of(ROUND) => (*name).to_owned(),
        _ => format!("{stem}__c"),
    };
    let label = format!("{} {number}", LABELS[number % LABELS.len()]);
    let of = |kind: Kind, length: usize, flags: &str| Field {
        kind,
        length,
        flags: flags.to_owned(),
        ..text_field(name.clone(), label.clone())
    };
    let number_of = |kind: Kind, precision: u32, scale: u32| Field {
        precision,
        scale,
        ..of(kind, 0, "gCfnmoU")
    };
    let choices = CHOICES.map(|value| Pick {
        value: value.to_owned(),
        label: format!("{value} (label)"),
        default: false,
        active: true,
    });
    vec![match number % ROUND {
        0 => of(Kind::String, 255, "gCfGnmoU"),
        1 => of(Kind::Textarea, 32_768, "CnmU"),
        2 => Field {
            extra_type_info: Some("richtextarea".to_owned()),
            ..of(Kind::Textarea, 32_768, "hCnmU")
        },
        3 => of(Kind::Boolean, 0, "CDfGmoU"),
        4 => number_of(Kind::Double, 18, 2),
        5 => number_of(Kind::Double, 18, 0),
        6 => number_of(Kind::Currency, 18, 2),
        7 => number_of(Kind::Percent, 5, 2),
        8 => of(Kind::Date, 0, "gCfGnmoU"),
        9 => of(Kind::Datetime, 0, "gCfnmoU"),
        10 => of(Kind::Time, 0, "CnmoU"),
        11 => of(Kind::Email, 80, "gCfGnmoU"),
        12 => of(Kind::Phone, 40, "gCfGnmoU"),
        13 => of(Kind::Url, 255, "gCfGnmoU"),
        14 => Field {
            picklist: choices.to_vec(),
            ..of(Kind::Picklist, 255, "gCfGnmoUR")
        },
        15 => Field {
            picklist: choices.to_vec(),
            ..of(Kind::Multipicklist, 4_099, "CfnmUR")
        },
        16 => Field {
            reference_to: vec![TARGETS[round % TARGETS.len()].to_owned()],
            relationship_name: Some(format!("{stem}__r")),
            ..of(Kind::Reference, 18, "gCfGnmSoU")
        },
        17 => of(Kind::Encryptedstring, 175, "eCnmU"),
        18 => of(Kind::String, 1_300, "gcfGnmo"),
        _ => {
            return geolocation(
                &stem,
                of(Kind::Location, 0, "fnmq"),
                &number_of(Kind::Double, 18, 15),
            );
        }
    }]
}

/// The compound and its two numbers, which alone are written and filtered.
fn geolocation(stem: &str, whole: Field, part: &Field) -> Vec<Field> {
    let part = |end: &str| Field {
        name: format!("{stem}__{end}__s"),
        label: format!("{} ({end})", part.label),
        compound: Some(whole.name.clone()),
        ..part.clone()
    };
    let parts = [part("Latitude"), part("Longitude")];
    [whole].into_iter().chain(parts).collect()
}

/// A contact's custom field as the accounts that are persons bear it; `None` for what has no such twin.
pub(super) fn of_person(field: &Field) -> Option<Field> {
    let stem = field.name.strip_suffix("__c")?;
    if field.kind == Kind::Location {
        return None;
    }
    let relationship = field.relationship_name.as_ref();
    Some(Field {
        name: format!("{stem}__pc"),
        flags: field.flags.replace(['x', 'u', 'K'], ""),
        relationship_name: relationship.map(|name| format!("{}__pr", name.trim_end_matches("__r"))),
        when: None,
        ..field.clone()
    })
}

/// Tells the objects that lookups point at of them.
pub(super) fn relate(objects: &mut [Object]) {
    let mut children: Vec<(String, Child)> = Vec::new();
    for object in objects.iter() {
        let made_here = |field: &&Field| field.kind == Kind::Reference && field.name.starts_with("Wide_");
        for field in object.fields.iter().filter(made_here) {
            let stem = field.name.trim_end_matches("__c").replace("__pc", "_person");
            for target in &field.reference_to {
                let child = Child {
                    object: object.name.clone(),
                    field: field.name.clone(),
                    name: Some(format!("{}_{stem}__r", object.name)),
                    cascades: false,
                    restricts: false,
                };
                children.push((target.clone(), child));
            }
        }
    }
    for object in objects {
        let own = children.iter().filter(|(target, _)| *target == object.name);
        object
            .child_relationships
            .extend(own.map(|(_, child)| child.clone()));
    }
}

#[cfg(test)]
mod tests;
