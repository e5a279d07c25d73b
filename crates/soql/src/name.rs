//! Names of objects, fields and relationships. They cannot be quoted or escaped in SOQL, so they are checked.

use std::fmt;

#[cfg(test)]
mod tests;

/// The longest single name, in characters. The provider's own names (40 characters, a namespace of 15 and a suffix)
/// are far shorter; the limit keeps errors and statements small.
const NAME_CHARACTERS_MAX: usize = 255;

/// How many names a field path may join: five relationships up, then the field.
const PATH_NAMES_MAX: usize = 6;

/// Words that would be read as syntax in the places where names stand. `Group`, `Order`, `First` and the like are
/// absent on purpose: objects have these names, and where names stand they are read as names.
const RESERVED: &[&str] = &[
    "AND", "ASC", "DESC", "EXCLUDES", "FALSE", "FROM", "HAVING", "IN", "INCLUDES", "LIKE", "LIMIT", "NOT",
    "NULL", "NULLS", "OR", "SELECT", "TRUE", "TYPEOF", "USING", "WHERE", "WITH",
];

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing before, after or between the points.
    #[error("a name is empty: expected a name such as Email, or names joined by points such as Account.Name")]
    Empty,
    /// A character outside `[A-Za-z0-9_]`, or a first character that is no letter.
    #[error("{name:?} is no name: a name begins with a letter A-Z and holds letters A-Z, digits and _ only")]
    Character {
        /// The text, cut after 80 characters.
        name: String,
    },
    /// A word of the query language.
    #[error("{name:?} is a word of the query language and cannot be a name")]
    Reserved {
        /// The word as it was given.
        name: String,
    },
    /// A name of more than 255 characters.
    #[error("a name has {characters} characters: at most {NAME_CHARACTERS_MAX} are allowed")]
    TooLong {
        /// How many characters the name has.
        characters: usize,
    },
    /// A path of more than six names.
    #[error(
        "a field path joins {names} names: at most {PATH_NAMES_MAX} are allowed (five relationships and a field)"
    )]
    TooManyNames {
        /// How many names the path joins.
        names: usize,
    },
}

/// One name: `[A-Za-z][A-Za-z0-9_]*`, no word of the query language, at most 255 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(String);

impl Identifier {
    /// Checks one name, such as `Contact` or `Deal_Registration__c`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        check_name(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One to six names joined by points: `Email`, `Account.Owner.Name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// Checks a path, such as `Email` or `Account.Name`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        // Counted lazily: a hostile path of a hundred thousand points is refused after the first bad name.
        for name in text.split('.') {
            check_name(name)?;
        }
        let names = text.split('.').count();
        if names > PATH_NAMES_MAX {
            return Err(InvalidName::TooManyNames { names });
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Identifier> for FieldPath {
    fn from(name: Identifier) -> Self {
        Self(name.0)
    }
}

fn check_name(text: &str) -> Result<(), InvalidName> {
    let Some(first) = text.chars().next() else {
        return Err(InvalidName::Empty);
    };
    if !first.is_ascii_alphabetic() || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(InvalidName::Character {
            name: text.chars().take(80).collect(),
        });
    }
    if text.len() > NAME_CHARACTERS_MAX {
        return Err(InvalidName::TooLong {
            characters: text.len(),
        });
    }
    if RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return Err(InvalidName::Reserved {
            name: text.to_owned(),
        });
    }
    Ok(())
}
