//! A SOSL search as a value.

use crate::{Condition, FieldPath, Identifier, Order};

/// Which fields are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Every searchable field.
    #[default]
    All,
    /// Fields that hold names.
    Name,
    /// Fields that hold e-mail addresses.
    Email,
    /// Fields that hold telephone numbers.
    Phone,
    /// The fields that the provider's own sidebar search looks at.
    Sidebar,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::All, Self::Name, Self::Email, Self::Phone, Self::Sidebar];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Name => "NAME",
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Sidebar => "SIDEBAR",
        }
    }
}

/// What a search answers of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Returning {
    /// The object.
    pub object: Identifier,
    /// What is read of each row; without any, `Id`. Repeated fields are written once.
    pub fields: Vec<FieldPath>,
    /// What a row must satisfy as well.
    pub filter: Option<Condition>,
    /// The order of rows; without it the provider orders by relevance.
    pub order_by: Vec<Order>,
    /// At most this many rows of this object.
    pub limit: Option<u32>,
    /// Rows to leave out first: at most [`crate::OFFSET_MAX`].
    pub offset: Option<u32>,
}

/// A SOSL search.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Search {
    /// The words of the caller, as the caller wrote them. Everything in them is a word: operators, wildcards and
    /// quotes are escaped when written.
    pub term: String,
    /// Which fields are searched.
    pub scope: Scope,
    /// What is answered, object by object: at least one, since a search without any answers every object.
    pub returning: Vec<Returning>,
    /// At most this many rows altogether.
    pub limit: Option<u32>,
}
