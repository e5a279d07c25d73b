//! Resources of several objects: tasks and events are all engagements.

use regex::Regex;

use super::Plan;

/// A further document of a resource, and the ids of its records.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// `events` of `crm/engagements.events.yaml`.
    pub(crate) name: String,
    /// What ids of its records look like.
    pub(crate) ids: Regex,
}

impl Plan {
    /// The further documents of the resource, in the order in which their records follow those of this one.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.also.iter().map(|part| part.name.as_str())
    }

    /// The further document whose record an id names; `None` for this one's own.
    pub fn part_of(&self, id: &str) -> Option<&str> {
        let part = self.also.iter().find(|part| part.ids.is_match(id))?;
        Some(&part.name)
    }
}
