//! A query as data.

use super::literal::Literal;

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is wanted.
    pub select: Select,
    /// The object.
    pub from: Name,
    /// Which records.
    pub filter: Option<Filter>,
    /// In what order.
    pub order: Vec<Order>,
    /// At most so many.
    pub limit: Option<u64>,
    /// Without the first so many.
    pub offset: u64,
}

/// What is wanted of the records.
#[derive(Debug, Clone, PartialEq)]
pub enum Select {
    /// These fields.
    Fields(Vec<Name>),
    /// Only how many there are, as `totalSize`.
    Count,
    /// How many have a value in this field, as a row of its own.
    CountOf(Name, Option<String>),
}

/// A name with dots, and where it stands in the text (for messages).
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Characters before it.
    pub at: usize,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold.
    All(Vec<Filter>),
    /// One holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A comparison.
    Compare(Name, Operator, Literal),
    /// One of a list; `true` if none of it.
    OneOf(Name, bool, Vec<Literal>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE` with `%` and `_`
    Like,
}

/// One key of the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The field.
    pub field: Name,
    /// Downwards.
    pub descending: bool,
    /// Nulls last; they come first otherwise, in both directions.
    pub nulls_last: bool,
}
