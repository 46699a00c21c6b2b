use crate::{FieldType, Text, Value};

/// The values of a [`Column`](crate::Column).
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of FieldType")]
pub enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
    UInt(Vec<u64>),
    Bool(Vec<bool>),
    Text(Text),
}

macro_rules! each_values {
    ($self:expr, $vector:ident => $body:expr) => {
        match $self {
            Values::Float($vector) => $body,
            Values::Int($vector) => $body,
            Values::UInt($vector) => $body,
            Values::Bool($vector) => $body,
            Values::Text($vector) => $body,
        }
    };
}

impl Values {
    /// No values of this type.
    #[must_use]
    pub fn new(ty: FieldType) -> Self {
        match ty {
            FieldType::Float => Self::Float(Vec::new()),
            FieldType::Int => Self::Int(Vec::new()),
            FieldType::UInt => Self::UInt(Vec::new()),
            FieldType::Bool => Self::Bool(Vec::new()),
            FieldType::Text => Self::Text(Text::default()),
        }
    }

    /// Their type.
    #[must_use]
    pub fn ty(&self) -> FieldType {
        match self {
            Self::Float(_) => FieldType::Float,
            Self::Int(_) => FieldType::Int,
            Self::UInt(_) => FieldType::UInt,
            Self::Bool(_) => FieldType::Bool,
            Self::Text(_) => FieldType::Text,
        }
    }

    /// How many there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        each_values!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Float(v) => v.capacity() * 8,
            Self::Int(v) => v.capacity() * 8,
            Self::UInt(v) => v.capacity() * 8,
            Self::Bool(v) => v.capacity(),
            Self::Text(v) => v.memory_bytes(),
        }
    }

    /// The value in slot `index`, present or not.
    ///
    /// # Panics
    /// When `index >= len`.
    #[must_use]
    pub fn get(&self, index: usize) -> Value<'_> {
        match self {
            Self::Float(v) => Value::Float(v[index]),
            Self::Int(v) => Value::Int(v[index]),
            Self::UInt(v) => Value::UInt(v[index]),
            Self::Bool(v) => Value::Bool(v[index]),
            Self::Text(v) => Value::Text(v.get(index)),
        }
    }

    /// Puts the values in slots `rows` of `from`, which is of the same type, over these.
    ///
    /// # Panics
    /// When it is of another type, or has no such slots.
    pub(crate) fn take(&mut self, from: &Self, rows: &[u32]) {
        fn put<T: Copy>(to: &mut Vec<T>, from: &[T], rows: &[u32]) {
            // In order, lines of memory come several at a time; in the order of the rows, one by
            // one. Where most rows are wanted, most lines are.
            if rows.len() >= from.len() / 2 {
                for line in from.chunks(64 / size_of::<T>()) {
                    std::hint::black_box(line[0]);
                }
            }
            to.clear();
            to.extend(rows.iter().map(|row| from[*row as usize]));
        }
        match (self, from) {
            (Self::Float(to), Self::Float(from)) => put(to, from, rows),
            (Self::Int(to), Self::Int(from)) => put(to, from, rows),
            (Self::UInt(to), Self::UInt(from)) => put(to, from, rows),
            (Self::Bool(to), Self::Bool(from)) => put(to, from, rows),
            (Self::Text(to), Self::Text(from)) => {
                to.clear();
                rows.iter().map(|row| *row as usize).for_each(|row| to.append(from, row..row + 1));
            }
            (to, from) => panic!("a {} column given rows of a {} one", to.ty(), from.ty()),
        }
    }

    /// Lets slot `row` hold what the one before it holds, or zero; strings stay as they are.
    pub(crate) fn repeat_at(&mut self, row: usize) {
        fn repeat<T: Copy + Default>(values: &mut [T], row: usize) {
            values[row] = row.checked_sub(1).map_or(T::default(), |before| values[before]);
        }
        match self {
            Self::Float(v) => repeat(v, row),
            Self::Int(v) => repeat(v, row),
            Self::UInt(v) => repeat(v, row),
            Self::Bool(v) => repeat(v, row),
            Self::Text(_) => {}
        }
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        each_values!(self, v => v.truncate(len));
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        each_values!(self, v => v.reserve(more));
    }

    pub(crate) fn reserve_exact(&mut self, more: usize) {
        each_values!(self, v => v.reserve_exact(more));
    }

    pub(crate) fn push_filler(&mut self, count: usize) {
        match self {
            Self::Float(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Int(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::UInt(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Bool(v) => v.resize(v.len() + count, v.last().copied().unwrap_or_default()),
            Self::Text(v) => v.push_empty(count),
        }
    }
}
