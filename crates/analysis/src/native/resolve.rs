use tidemill_model::{FieldType, TableSchema};

use super::cells::Cells;
use super::plan::{AggregatePlan, Function};
use crate::error::{Error, ErrorKind};
use crate::numeric::Statistics;

/// A plan's calls, checked against the schema: what is to be kept of each field, each once.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) accumulators: Vec<Accumulator>,
    /// For each call the accumulator it is answered from; `None`: from the count of rows.
    pub(super) calls: Vec<Option<usize>>,
}

/// What is kept of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accumulator {
    pub(super) field: usize,
    pub(super) ty: FieldType,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Statistics(Statistics),
    Ends,
    Values,
}

impl Accumulator {
    /// No cells yet.
    pub(super) fn cells(&self) -> Cells {
        match self.kind {
            Kind::Statistics(_) => Cells::of_field(self.ty),
            Kind::Ends => Cells::Ends(Vec::new()),
            Kind::Values => Cells::Values(Vec::new()),
        }
    }

    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.ty, FieldType::Float | FieldType::Int | FieldType::UInt)
    }
}

impl Resolved {
    pub(super) fn new(plan: &AggregatePlan, schema: &TableSchema) -> Result<Self, Error> {
        if plan.group_tags.iter().any(|tag| *tag >= schema.tags.len()) {
            return Err(ErrorKind::Plan("tag").into());
        }
        if plan.bucket.is_some_and(|bucket| bucket.width_ns <= 0) {
            return Err(ErrorKind::Plan("bucket").into());
        }
        let mut resolved = Self { accumulators: Vec::new(), calls: Vec::new() };
        for call in &plan.calls {
            let place = match wanted(call.function) {
                None => None,
                Some(kind) => {
                    let field = schema.fields.get(call.field).ok_or(ErrorKind::Plan("field"))?;
                    let accumulator = Accumulator { field: call.field, ty: field.ty, kind };
                    if call.function.needs_number() && !accumulator.is_numeric() {
                        let (function, field) = (call.function.name(), field.name.clone());
                        return Err(
                            ErrorKind::Unsupported { function, field, ty: accumulator.ty }.into()
                        );
                    }
                    Some(resolved.add(accumulator))
                }
            };
            resolved.calls.push(place);
        }
        Ok(resolved)
    }

    /// The place of the accumulator, which is joined with the one of the same field and sort.
    fn add(&mut self, new: Accumulator) -> usize {
        for (place, old) in self.accumulators.iter_mut().enumerate() {
            match (&mut old.kind, new.kind) {
                _ if old.field != new.field => {}
                (Kind::Ends, Kind::Ends) | (Kind::Values, Kind::Values) => return place,
                (Kind::Statistics(old), Kind::Statistics(new)) => {
                    *old = old.and(new);
                    return place;
                }
                _ => {}
            }
        }
        self.accumulators.push(new);
        self.accumulators.len() - 1
    }
}

fn wanted(function: Function) -> Option<Kind> {
    Some(match function {
        Function::CountRows => return None,
        Function::Count => Kind::Statistics(Statistics::Count),
        Function::Sum | Function::Avg => Kind::Statistics(Statistics::Sum),
        Function::Min | Function::Max => Kind::Statistics(Statistics::Extremes),
        Function::Stddev => Kind::Statistics(Statistics::All),
        Function::First | Function::Last => Kind::Ends,
        Function::Quantile(_) => Kind::Values,
    })
}
