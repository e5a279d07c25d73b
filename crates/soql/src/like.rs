//! Patterns for `LIKE`, in parts, so that `%` and `_` in a text of the caller are characters and not wildcards.

#[cfg(test)]
mod tests;

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LikePart {
    /// Characters that must stand there; never empty inside a [`LikePattern`].
    Text(String),
    /// `%`: any count of any characters.
    AnyRun,
    /// `_`: exactly one character.
    AnyOne,
}

/// What `LIKE` compares with. Neighbouring texts are one part, so equal patterns compare equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LikePattern(Vec<LikePart>);

impl LikePattern {
    /// The field holds this text somewhere.
    pub fn contains(text: impl Into<String>) -> Self {
        Self::raw([LikePart::AnyRun, LikePart::Text(text.into()), LikePart::AnyRun])
    }

    /// The field starts with this text.
    pub fn starts_with(text: impl Into<String>) -> Self {
        Self::raw([LikePart::Text(text.into()), LikePart::AnyRun])
    }

    /// The field ends with this text.
    pub fn ends_with(text: impl Into<String>) -> Self {
        Self::raw([LikePart::AnyRun, LikePart::Text(text.into())])
    }

    /// A pattern given in parts.
    pub fn raw(parts: impl IntoIterator<Item = LikePart>) -> Self {
        let mut pattern = Self::default();
        for part in parts {
            match part {
                LikePart::Text(text) => pattern.push_text(&text),
                wildcard => pattern.0.push(wildcard),
            }
        }
        pattern
    }

    /// Reads a pattern whose author knows about wildcards: `%` and `_` are wildcards, `\%`, `\_` and `\\` are the
    /// characters. Any other backslash is a backslash, so every text is a pattern.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '%' => pattern.0.push(LikePart::AnyRun),
                '_' => pattern.0.push(LikePart::AnyOne),
                '\\' => {
                    let escaped = characters.next_if(|next| matches!(next, '%' | '_' | '\\'));
                    pattern.push_character(escaped.unwrap_or('\\'));
                }
                plain => pattern.push_character(plain),
            }
        }
        pattern
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[LikePart] {
        &self.0
    }

    pub(crate) fn push_wildcard(&mut self, wildcard: LikePart) {
        self.0.push(wildcard);
    }

    pub(crate) fn push_character(&mut self, character: char) {
        self.push_text(character.encode_utf8(&mut [0; 4]));
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(LikePart::Text(last)) = self.0.last_mut() {
            last.push_str(text);
        } else {
            self.0.push(LikePart::Text(text.to_owned()));
        }
    }
}
