//! What the mapping page's form brought: read, checked against what can be picked, and merged with what others saved.

use std::collections::BTreeMap;

use unified::FieldPicks;

use crate::pages::mapping::OwnName;
use crate::query::Pairs;

/// Most names of the customer's own in one form.
const OWN_MAX: usize = 100;
/// Longest text of an input, characters; what is longer is cut, and then is nobody's field.
const INPUT_MAX_CHARS: usize = 300;
/// Empty lines for further names.
const SPARE_LINES: usize = 2;

/// What a button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Action {
    /// Show the form again; what every other button does, too.
    #[default]
    Preview,
    /// Show it with more lines.
    More,
    Save {
        /// Whether the page ends with it.
        is_last: bool,
    },
}

/// The form as it was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Posted {
    pub(super) token: String,
    pub(super) version: i64,
    pub(super) resource: String,
    pub(super) record: String,
    pub(super) find: String,
    pub(super) action: Action,
    picks: BTreeMap<String, String>,
    own: BTreeMap<usize, (String, String)>,
}

/// The form as it is shown, and what of it can be kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// What can be kept.
    pub(super) picks: BTreeMap<String, String>,
    /// What stands in the inputs of known names.
    pub(super) inputs: BTreeMap<String, String>,
    /// What is wrong with these.
    pub(super) mistakes: BTreeMap<String, String>,
    pub(super) own: Vec<OwnName>,
}

impl Posted {
    /// Reads the form; of an input that stands twice the first counts.
    pub(super) fn read(pairs: Pairs) -> Self {
        let mut posted = Self::default();
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in pairs {
            if !seen.insert(name.clone()) {
                continue;
            }
            let text: String = value.trim().chars().take(INPUT_MAX_CHARS).collect();
            match name.as_str() {
                "token" => posted.token = text,
                "version" => posted.version = text.parse().unwrap_or_default(),
                "resource" => posted.resource = text,
                "record" => posted.record = text,
                "find" => posted.find = text,
                "do" => posted.action = action(&text),
                _ => posted.read_input(&name, text),
            }
        }
        posted
    }

    fn read_input(&mut self, name: &str, text: String) {
        if let Some(picked) = name.strip_prefix("pick.") {
            self.picks.insert(picked.to_owned(), text);
            return;
        }
        let line = name.strip_prefix("own.").and_then(|rest| rest.split_once('.'));
        let Some((index, part)) = line else { return };
        let Some(index) = index.parse().ok().filter(|index| *index < OWN_MAX) else {
            return;
        };
        let own = self.own.entry(index).or_default();
        match part {
            "name" => own.0 = text,
            "field" => own.1 = text,
            _ => {}
        }
    }

    /// Holds the form against what can be picked.
    pub(super) fn checked(&self, seen: &FieldPicks) -> Checked {
        let mut checked = Checked::default();
        let named = |text: &str| seen.field_named(text).unwrap_or_else(|| text.to_owned());
        for known in &seen.names {
            if let Some(text) = self.picks.get(&known.name).filter(|text| !text.is_empty()) {
                let field = named(text);
                checked.inputs.insert(known.name.clone(), field.clone());
                checked.picks.insert(known.name.clone(), field);
            }
        }
        for (name, field) in self.own.values() {
            if name.is_empty() && field.is_empty() {
                continue;
            }
            let field = if field.is_empty() {
                String::new()
            } else {
                named(field)
            };
            let is_above = seen.names.iter().any(|known| known.name == *name);
            let is_twice = checked.own.iter().any(|other| other.name == *name);
            let mistake = if name.is_empty() {
                Some("Give it a name.")
            } else if is_above {
                Some("This name stands above: choose the field there.")
            } else if is_twice {
                Some("This name stands twice.")
            } else if field.is_empty() {
                Some("Choose one of your fields for it.")
            } else {
                None
            };
            if mistake.is_none() {
                checked.picks.insert(name.clone(), field.clone());
            }
            checked.own.push(OwnName {
                name: name.clone(),
                field,
                mistake: mistake.map(str::to_owned),
            });
        }
        checked.tell_mistakes(seen);
        let is_more = self.action == Action::More;
        checked.spare_lines(if is_more { SPARE_LINES + 1 } else { SPARE_LINES });
        checked
    }
}

impl Checked {
    /// What the connection has picked, as a form.
    pub(super) fn of_picks(picks: &BTreeMap<String, String>, seen: &FieldPicks) -> Self {
        let mut checked = Self {
            picks: picks.clone(),
            ..Self::default()
        };
        for (name, field) in picks {
            if seen.names.iter().any(|known| known.name == *name) {
                checked.inputs.insert(name.clone(), field.clone());
            } else {
                checked.own.push(OwnName {
                    name: name.clone(),
                    field: field.clone(),
                    mistake: None,
                });
            }
        }
        checked.tell_mistakes(seen);
        checked.spare_lines(SPARE_LINES);
        checked
    }

    pub(super) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty() || self.own.iter().any(|own| own.mistake.is_some())
    }

    /// Says something about the input of a name.
    pub(super) fn tell(&mut self, name: &str, message: String) {
        let line = self.own.iter_mut().find(|own| own.name == name);
        match line {
            Some(own) => own.mistake = Some(message),
            None => {
                self.mistakes.insert(name.to_owned(), message);
            }
        }
    }

    /// Takes what cannot be kept out of the picks, and tells why.
    fn tell_mistakes(&mut self, seen: &FieldPicks) {
        for mistake in seen.mistakes(&self.picks) {
            self.picks.remove(&mistake.name);
            self.tell(&mistake.name, mistake.message);
        }
    }

    fn spare_lines(&mut self, count: usize) {
        let wanted = (self.own.len() + count).min(OWN_MAX).max(self.own.len());
        self.own.resize_with(wanted, OwnName::default);
    }
}

fn action(text: &str) -> Action {
    match text {
        "more" => Action::More,
        "save" => Action::Save { is_last: true },
        "save_on" => Action::Save { is_last: false },
        _ => Action::Preview,
    }
}

/// Two people's picks in one: what one of them left as both found it is the other's. Where both changed a name in
/// different ways, mine stand, and theirs are answered beside (an empty text where they took the pick away).
pub(super) fn merged(
    found: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
    mine: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let mut together = BTreeMap::new();
    let mut clashes = BTreeMap::new();
    let names: std::collections::BTreeSet<&String> =
        found.keys().chain(theirs.keys()).chain(mine.keys()).collect();
    for name in names {
        let (before, their, my) = (found.get(name), theirs.get(name), mine.get(name));
        let kept = if my == before { their } else { my };
        if my != before && their != before && my != their {
            clashes.insert(name.clone(), their.cloned().unwrap_or_default());
        }
        if let Some(field) = kept {
            together.insert(name.clone(), field.clone());
        }
    }
    (together, clashes)
}

#[cfg(test)]
mod tests;
