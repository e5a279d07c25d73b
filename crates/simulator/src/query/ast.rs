//! What a statement says, before its names are looked up.

/// `Account.Owner.Name`, with the byte position of its start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) at: usize,
}

/// A field, or a function of a field; `COUNT()` has no path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expression {
    pub(crate) function: Option<String>,
    pub(crate) path: Option<Path>,
    pub(crate) at: usize,
}

/// One entry of the SELECT list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Expression {
        expression: Expression,
        alias: Option<String>,
    },
    Child(Box<Query>),
    /// `TYPEOF What WHEN Account THEN Name ELSE Id END`.
    TypeOf {
        relationship: Path,
        whens: Vec<(Path, Vec<Path>)>,
        otherwise: Vec<Path>,
    },
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// A value of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Date(i64),
    DateTime(i64),
    /// `LAST_N_DAYS:7`
    Period {
        name: String,
        count: Option<i64>,
    },
    /// `USD5000`
    Amount(f64),
}

/// A literal with its byte position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) literal: Literal,
    pub(crate) at: usize,
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        left: Expression,
        operator: Operator,
        right: Placed,
    },
    In {
        left: Expression,
        values: Vec<Placed>,
        negated: bool,
    },
    SemiJoin {
        left: Expression,
        query: Box<Query>,
        negated: bool,
    },
    Includes {
        left: Expression,
        values: Vec<Placed>,
        negated: bool,
    },
}

/// One key of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) expression: Expression,
    pub(crate) descending: bool,
    /// Not said: nulls come first in both directions.
    pub(crate) nulls_last: bool,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Query {
    pub(crate) items: Vec<Item>,
    pub(crate) from: String,
    pub(crate) from_at: usize,
    pub(crate) alias: Option<String>,
    pub(crate) scope: Option<(String, usize)>,
    pub(crate) filter: Option<Condition>,
    pub(crate) group: Vec<Expression>,
    pub(crate) having: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<(usize, usize)>,
}
