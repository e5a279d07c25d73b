//! What became of an object's fields between two descriptions of it.

use crate::metadata::{FieldMetadata, ObjectMetadata};

/// Most fields remembered as gone, and as new, of one object: an org that changes more at a time is another org.
const CHANGES_MAX: usize = 200;

/// How an object differs from what was known of it earlier.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    gone: Vec<FieldMetadata>,
    /// Names, lower case.
    appeared: Vec<String>,
}

impl ObjectMetadata {
    /// This description, with what it has lost and won since an earlier one.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        let gone = earlier.fields.iter().chain(&earlier.changes.gone);
        let gone = gone.filter(|field| self.field(&field.name).is_none());
        let gone: Vec<FieldMetadata> = gone.take(CHANGES_MAX).cloned().collect();
        let is_new = |field: &&FieldMetadata| {
            let name = field.name.to_ascii_lowercase();
            earlier.field(&name).is_none() || earlier.changes.appeared.contains(&name)
        };
        let appeared = self.fields.iter().filter(is_new).take(CHANGES_MAX);
        let appeared = appeared.map(|field| field.name.to_ascii_lowercase()).collect();
        self.changes = Changes { gone, appeared };
        self
    }

    /// Names of the fields that were there earlier.
    pub fn gone(&self) -> impl Iterator<Item = &str> {
        self.changes.gone.iter().map(|field| field.name.as_str())
    }

    /// What a field that is gone may be called now: a field that came since, of the same kind, with the same label, or the
    /// only such one, or the one whose name or label has most words in common. None when nothing is known of the field.
    pub fn likely_successor(&self, name: &str) -> Option<&FieldMetadata> {
        let gone = self
            .changes
            .gone
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        let of_its_kind =
            |field: &&FieldMetadata| field.kind == gone.kind && field.is_custom == gone.is_custom;
        let appeared = self.changes.appeared.iter().filter_map(|name| self.field(name));
        let candidates: Vec<&FieldMetadata> = appeared.filter(of_its_kind).collect();
        if let [only] = candidates.as_slice() {
            return Some(only);
        }
        let alike = |field: &&&FieldMetadata| {
            let same_label = field.label.eq_ignore_ascii_case(&gone.label);
            (same_label, common_words(gone, field))
        };
        let best = candidates.iter().max_by_key(alike)?;
        let (same_label, words) = alike(&best);
        let ties = candidates
            .iter()
            .filter(|field| alike(field) == (same_label, words))
            .count();
        // Of several that are equally like it any would be a guess.
        ((same_label || words > 0) && ties == 1).then_some(*best)
    }
}

fn common_words(one: &FieldMetadata, other: &FieldMetadata) -> usize {
    let words = words(one);
    self::words(other)
        .iter()
        .filter(|word| words.contains(word))
        .count()
}

fn words(field: &FieldMetadata) -> Vec<String> {
    let name = field.name.strip_suffix("__c").unwrap_or(&field.name);
    let text = format!("{name} {}", field.label);
    let mut words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() > 1)
        .map(str::to_lowercase)
        .collect();
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests;
