//! The rows of a result, before they are judged: what each is called and what it is about.

use super::condition::Condition;
use super::plan::{Plan, Source};
use crate::result::{Metric, Place, Row};

/// A row to be judged.
#[derive(Debug)]
pub struct Planned {
    /// Its name, metric and place.
    pub row: Row,
    /// What it is about.
    pub subject: Subject,
}

/// What a row is about, with indices into the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A condition on a function.
    Check(usize),
    /// A type.
    Size(usize),
    /// Requests, or bytes, that code asks of the allocator.
    Allocations {
        /// Which code.
        index: usize,
        /// The most.
        limit: u64,
    },
    /// A binary's size.
    Binary(usize),
}

/// All rows whose name contains `filter`, in the order of the files.
pub fn planned(plan: &Plan, filter: &str) -> Vec<Planned> {
    let mut rows = Vec::new();
    let mut add = |name: String, metric, place: &Place, subject| {
        if name.contains(filter) {
            let mut row = Row::new(name, metric);
            row.place = Some(place.clone());
            rows.push(Planned { row, subject });
        }
    };
    for (index, check) in plan.checks.iter().enumerate() {
        let name = format!("{}: {}", plan.functions[check.function].name, check.condition);
        let metric = match check.condition {
            Condition::MaxInstructions(_) => Metric::Instructions,
            Condition::MaxBytes(_) => Metric::Size,
            _ => Metric::Assembly,
        };
        add(name, metric, &check.place, Subject::Check(index));
    }
    for (index, (size, place)) in plan.sizes.iter().enumerate() {
        let limit = match (size.exact, size.max) {
            (Some(exact), _) => format!("exactly {exact} B"),
            (None, max) => format!("at most {} B", max.unwrap_or_default()),
        };
        let name = format!("{}: {limit}", size.name.as_ref());
        add(name, Metric::Layout, place, Subject::Size(index));
    }
    for (index, (table, place)) in plan.allocations.iter().enumerate() {
        if let Some(limit) = table.max {
            let name = format!("{}: at most {limit} allocations", table.name);
            add(name, Metric::Allocations, place, Subject::Allocations { index, limit });
        }
        if let Some(limit) = table.max_bytes {
            let name = format!("{}: at most {limit} B allocated", table.name);
            add(name, Metric::AllocatedBytes, place, Subject::Allocations { index, limit });
        }
    }
    for (index, (table, place)) in plan.binaries.iter().enumerate() {
        if let Some(limit) = table.max_bytes {
            let name = format!("{}: at most {limit} B", table.bin.as_ref());
            add(name, Metric::Size, place, Subject::Binary(index));
        }
    }
    rows
}

impl Planned {
    /// The binary whose functions this row is about, if it is not the harness: each that must be built
    /// with its symbols.
    pub fn analysed_binaries<'a>(&self, plan: &'a Plan) -> Vec<&'a str> {
        let Subject::Check(index) = self.subject else { return Vec::new() };
        let check = &plan.checks[index];
        let other = match &check.condition {
            Condition::Same { other, .. } => Some(*other),
            _ => None,
        };
        let functions = [Some(check.function), other].into_iter().flatten();
        let binary = |index: usize| match &plan.functions[index].source {
            Source::Binary { bin, .. } => Some(bin.as_str()),
            _ => None,
        };
        functions.filter_map(binary).collect()
    }
}
