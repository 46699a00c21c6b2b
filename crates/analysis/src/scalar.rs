use tidemill_model::Value;
use tidemill_store::StoredAggregate;

/// One value, owned.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of FieldType")]
pub enum Scalar {
    Float(f64),
    Int(i64),
    UInt(u64),
    Bool(bool),
    Text(Box<str>),
}

impl Scalar {
    /// The value, copied.
    #[must_use]
    pub fn of(value: Value<'_>) -> Self {
        match value {
            Value::Float(value) => Self::Float(value),
            Value::Int(value) => Self::Int(value),
            Value::UInt(value) => Self::UInt(value),
            Value::Bool(value) => Self::Bool(value),
            Value::Text(value) => Self::Text(value.into()),
        }
    }

    /// The value, borrowed.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Float(value) => Value::Float(*value),
            Self::Int(value) => Value::Int(*value),
            Self::UInt(value) => Value::UInt(*value),
            Self::Bool(value) => Value::Bool(*value),
            Self::Text(value) => Value::Text(value),
        }
    }

    /// The first value of a slice.
    pub(crate) fn first_of(slice: &StoredAggregate) -> Option<Self> {
        use tidemill_store::AnyAggregate::{Float, Int, UInt};
        Some(match &slice.aggregate {
            Float(aggregate) => Self::Float(aggregate.first),
            Int(aggregate) => Self::Int(aggregate.first),
            UInt(aggregate) => Self::UInt(aggregate.first),
        })
    }

    /// The last value of a slice.
    pub(crate) fn last_of(slice: &StoredAggregate) -> Option<Self> {
        use tidemill_store::AnyAggregate::{Float, Int, UInt};
        Some(match &slice.aggregate {
            Float(aggregate) => Self::Float(aggregate.last),
            Int(aggregate) => Self::Int(aggregate.last),
            UInt(aggregate) => Self::UInt(aggregate.last),
        })
    }
}
