//! A SOQL query as a value.

use crate::{Condition, FieldPath, Identifier};

/// Which end of the order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// `ASC`, the provider's default: smallest first.
    #[default]
    Ascending,
    /// `DESC`: largest first.
    Descending,
}

/// Where rows without a value stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nulls {
    /// `NULLS FIRST`, the provider's default in both directions.
    #[default]
    First,
    /// `NULLS LAST`
    Last,
}

/// One field that rows are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// The field.
    pub field: FieldPath,
    /// Which end comes first.
    pub direction: Direction,
    /// Where rows without a value stand.
    pub nulls: Nulls,
}

impl Order {
    /// Smallest first, rows without a value before them.
    pub fn ascending(field: FieldPath) -> Self {
        Self {
            field,
            direction: Direction::Ascending,
            nulls: Nulls::First,
        }
    }

    /// Largest first, rows without a value before them.
    pub fn descending(field: FieldPath) -> Self {
        Self {
            field,
            direction: Direction::Descending,
            nulls: Nulls::First,
        }
    }
}

/// A function that may be applied to one field in a select list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `toLabel`: a picklist value in the user's language.
    ToLabel,
    /// `FORMAT`: a number or date in the user's form.
    Format,
    /// `convertCurrency`: an amount in the user's currency.
    ConvertCurrency,
    /// `COUNT`: rows with a value.
    Count,
    /// `COUNT_DISTINCT`: different values.
    CountDistinct,
    /// `SUM`
    Sum,
    /// `AVG`
    Average,
    /// `MIN`
    Minimum,
    /// `MAX`
    Maximum,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 9] = [
        Self::ToLabel,
        Self::Format,
        Self::ConvertCurrency,
        Self::Count,
        Self::CountDistinct,
        Self::Sum,
        Self::Average,
        Self::Minimum,
        Self::Maximum,
    ];

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToLabel => "toLabel",
            Self::Format => "FORMAT",
            Self::ConvertCurrency => "convertCurrency",
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT_DISTINCT",
            Self::Sum => "SUM",
            Self::Average => "AVG",
            Self::Minimum => "MIN",
            Self::Maximum => "MAX",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.as_str().eq_ignore_ascii_case(name))
    }
}

/// One thing that a query reads of each row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelectItem {
    /// A field of the object, or of a parent.
    Field(FieldPath),
    /// `COUNT()`: only the number of rows. Stands alone.
    Count,
    /// A function of one field.
    Function {
        /// The function.
        name: Function,
        /// What it is applied to.
        field: FieldPath,
        /// The name of the result; without it the provider chooses one.
        alias: Option<Identifier>,
    },
    /// `(SELECT … FROM Contacts …)`: rows of a child.
    Child {
        /// The child relationship, which is what the inner `FROM` names.
        relationship: Identifier,
        /// The inner query. Its own `from` is not written; [`crate::parse_query`] puts the relationship there.
        query: Box<Query>,
    },
}

/// A SOQL query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// What is read of each row: at least one thing. Repeated things are written once.
    pub select: Vec<SelectItem>,
    /// The object.
    pub from: Identifier,
    /// What a row must satisfy.
    pub filter: Option<Condition>,
    /// The order of rows, first field first.
    pub order_by: Vec<Order>,
    /// At most this many rows.
    pub limit: Option<u32>,
    /// Rows to leave out first: at most [`crate::OFFSET_MAX`].
    pub offset: Option<u32>,
}
