//! What a store may hold, from what its victims said.

use super::inspect::digest;
use super::workload::Call;
use crate::common::{Model, Rows};
use tidemill_model::Duplicates;

/// More states than calls under way, or failed and not settled by an opening, can give.
const MAX_STATES: usize = 256;

/// The states a store may be in: one, but for calls whose fate is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    models: Vec<Model>,
}

/// How far a victim came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Calls acknowledged.
    pub(crate) done: u64,
    /// Calls, and openings, that returned an error.
    pub(crate) failed: u64,
    /// Rows acknowledged.
    pub(crate) rows: u64,
    /// What was under way last: a call's number, or nothing.
    pub(crate) in_flight: Option<usize>,
    pub(crate) is_opening: bool,
    /// Openings after which the store could not be read.
    pub(crate) unread: u64,
    pub(crate) has_ended: bool,
}

impl Allowed {
    /// An empty store.
    pub(crate) fn new(duplicates: Duplicates) -> Self {
        Self { models: vec![Model::new(duplicates)] }
    }

    /// Follows a victim through its calls.
    ///
    /// # Errors
    /// When it told of a state that is not allowed.
    pub(crate) fn follow(&mut self, calls: &[Call], said: &str) -> Result<Progress, String> {
        let mut progress = Progress::default();
        // Batches acknowledged of each thread of the call under way.
        let mut parts: Vec<usize> = Vec::new();
        for line in said.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| -> Result<usize, String> {
                let word: Option<&&str> = words.get(at);
                word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("it said `{line}`"))
            };
            match words[0] {
                "open" => progress.is_opening = true,
                "state" => {
                    progress.is_opening = false;
                    self.settle(|rows| format!("{:016x}", digest(rows)) == words[1]).map_err(
                        |()| "it found rows that must not be, or missed some".to_owned(),
                    )?;
                }
                "begin" => {
                    progress.unread += u64::from(std::mem::take(&mut progress.is_opening));
                    progress.in_flight = Some(number(1)?);
                    parts.clear();
                }
                "part" => {
                    let thread = number(2)?;
                    parts.resize(parts.len().max(thread + 1), 0);
                    parts[thread] = number(3)? + 1;
                }
                "done" => {
                    progress.in_flight = None;
                    progress.done += 1;
                    if let Some(call) = calls.get(number(1)?) {
                        progress.rows += self.acknowledge(call, number(2)?)?;
                    }
                }
                "failed" => {
                    progress.in_flight = None;
                    progress.failed += 1;
                    if let Some(call) = calls.get(number(1)?) {
                        self.doubt(call, &parts)?;
                    }
                }
                "unopened" => progress.failed += 1,
                "end" => progress.has_ended = true,
                _ => return Err(format!("it said `{line}`")),
            }
        }
        if let Some(call) = progress.in_flight.and_then(|number| calls.get(number)) {
            self.doubt(call, &parts)?;
        }
        Ok(progress)
    }

    /// The call has taken effect; returns how many rows it wrote.
    fn acknowledge(&mut self, call: &Call, refused: usize) -> Result<u64, String> {
        let counts: Vec<usize> = self.models.iter_mut().map(|model| call.apply(model)).collect();
        if counts.iter().all(|count| *count != refused) {
            return Err(format!("{} refused {refused} rows, not {counts:?}", call.name()));
        }
        Ok(match call {
            Call::Write(rows) => rows.len() as u64,
            Call::Concurrent(writers) => writers.iter().flatten().map(|b| b.len() as u64).sum(),
            Call::Bulk { batches, is_committed: true } => {
                batches.iter().map(|b| b.len() as u64).sum()
            }
            _ => 0,
        })
    }

    /// The call may have taken effect, as a whole; of several threads' calls what was
    /// acknowledged has, and the next of each may have.
    fn doubt(&mut self, call: &Call, parts: &[usize]) -> Result<(), String> {
        let wholes: Vec<Call> = match call {
            Call::Concurrent(writers) => {
                let mut next = Vec::new();
                for (thread, batches) in writers.iter().enumerate() {
                    let acknowledged = parts.get(thread).copied().unwrap_or(0);
                    for rows in &batches[..acknowledged] {
                        self.models.iter_mut().for_each(|model| _ = model.write(rows));
                    }
                    next.extend(batches.get(acknowledged).map(|rows| Call::Write(rows.clone())));
                }
                next
            }
            call => vec![call.clone()],
        };
        for whole in wholes {
            for index in 0..self.models.len() {
                let mut after = self.models[index].clone();
                whole.apply(&mut after);
                if self.models.iter().all(|model| model.rows != after.rows) {
                    self.models.push(after);
                }
            }
        }
        if self.models.len() > MAX_STATES {
            return Err(format!("{} states are possible: too many to tell", self.models.len()));
        }
        Ok(())
    }

    /// What was found stays: keeps the states that are `found`.
    fn settle(&mut self, found: impl Fn(&Rows) -> bool) -> Result<(), ()> {
        let (found, others): (Vec<Model>, Vec<Model>) =
            self.models.drain(..).partition(|model| found(&model.rows));
        let is_allowed = !found.is_empty();
        self.models = if is_allowed { found } else { others };
        if is_allowed { Ok(()) } else { Err(()) }
    }

    /// Compares with what the parent found.
    ///
    /// # Errors
    /// When that is not allowed, with the rows that differ.
    pub(crate) fn compare(&mut self, found: &Rows) -> Result<(), String> {
        if self.settle(|rows| rows == found).is_ok() {
            return Ok(());
        }
        let want = &self.models[0].rows;
        let missing: Vec<_> = want.iter().filter(|row| found.get(row.0) != Some(row.1)).collect();
        let extra: Vec<_> = found.iter().filter(|row| want.get(row.0) != Some(row.1)).collect();
        Err(format!(
            "of {} rows {} are missing or different, and {} were not expected: {:?} {:?}",
            want.len(),
            missing.len(),
            extra.len(),
            missing.first(),
            extra.first()
        ))
    }

    /// A state it may be in.
    pub(crate) fn any(&self) -> &Rows {
        &self.models[0].rows
    }
}
