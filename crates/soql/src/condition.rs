//! What a row must satisfy.

use crate::{FieldPath, Identifier, LikePattern, Literal};

/// How a field is compared with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Every comparison.
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// What a row must satisfy.
///
/// Whether the provider can filter by a field, and whether a value has the type of its field, is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `Email = 'a@b.c'`
    Compare {
        /// The field.
        field: FieldPath,
        /// The operator.
        comparison: Comparison,
        /// The value.
        value: Literal,
    },
    /// `Name LIKE 'Ac%'`
    Like {
        /// A field that holds text.
        field: FieldPath,
        /// The pattern; texts in it are escaped when written.
        pattern: LikePattern,
    },
    /// `Id IN ('…', '…')`. Without values nothing matches (negated: everything does), since the provider refuses
    /// an empty list.
    In {
        /// The field.
        field: FieldPath,
        /// `NOT IN`
        negated: bool,
        /// The values.
        values: Vec<Literal>,
    },
    /// `Interests__c INCLUDES ('A;B', 'C')`: (A and B) or C. Without sets nothing matches (negated: everything does).
    Includes {
        /// A multi-select picklist.
        field: FieldPath,
        /// `EXCLUDES`
        negated: bool,
        /// Sets of values, none of them empty; a value holds no `;`, which is what joins them.
        sets: Vec<Vec<String>>,
    },
    /// All of these; with none of them, every row.
    And(Vec<Condition>),
    /// Any of these; with none of them, no row.
    Or(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// No row, written as `Id = null`, which every object understands.
    Never,
    /// `AccountId IN (SELECT Id FROM Account WHERE …)`
    SemiJoin {
        /// The field of the outer object.
        field: FieldPath,
        /// `NOT IN`: an anti-join.
        negated: bool,
        /// The one field of the inner object.
        select: FieldPath,
        /// The inner object.
        from: Identifier,
        /// What an inner row must satisfy.
        filter: Option<Box<Condition>>,
    },
}
