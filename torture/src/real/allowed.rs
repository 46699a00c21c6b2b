//! What a store may hold, from what its victims said.

use std::collections::BTreeSet;
use std::time::Duration;

use super::inspect::digest;
use super::workload::{Call, KEPT};
use crate::common::{Model, Rows};
use tidemill_model::Duplicates;

/// More states than calls under way, or failed and not settled by an opening, can give.
const MAX_STATES: usize = 256;

/// The states a store may be in: one, but for calls whose fate is unknown.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    states: Vec<State>,
    /// Rows that went by their age.
    expired: u64,
}

/// What a store holds, and which rows of [`KEPT`] may be gone.
#[derive(Clone, Debug)]
struct State {
    model: Model,
    /// How long the table keeps its rows.
    keep: Option<Duration>,
    /// It is there, so that this can be set.
    has_kept: bool,
    /// Rows before this may be gone.
    gone_before: i64,
}

/// The times of [`KEPT`] among these rows.
pub(crate) fn kept_times(rows: &Rows) -> BTreeSet<i64> {
    rows.keys().filter(|(table, ..)| table == KEPT).map(|(.., time)| *time).collect()
}

/// Times as `A-B,C-D`, each from one to another without a gap; `-`: none.
pub(crate) fn ranges(times: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for time in times {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *time => *last = *time,
            _ => ranges.push((*time, *time)),
        }
    }
    let ranges: Vec<String> = ranges.iter().map(|(a, b)| format!("{a}-{b}")).collect();
    if ranges.is_empty() { "-".to_owned() } else { ranges.join(",") }
}

fn times_of(ranges: &str) -> Option<BTreeSet<i64>> {
    let mut times = BTreeSet::new();
    for range in ranges.split(',').filter(|range| *range != "-") {
        let (first, last) = range.split_once('-')?;
        times.extend(first.parse::<i64>().ok()?..=last.parse().ok()?);
    }
    Some(times)
}

impl State {
    /// The call has taken effect; returns how many rows it refused.
    fn apply(&mut self, call: &Call) -> usize {
        let refused = call.apply(&mut self.model);
        let latest = kept_times(&self.model.rows).last().copied();
        self.has_kept |= latest.is_some();
        if let Call::Retain { table: KEPT, keep } = call
            && self.has_kept
        {
            self.keep = *keep;
        }
        if let (Some(latest), Some(keep)) = (latest, self.keep) {
            let cutoff = latest.saturating_sub_unsigned(keep.as_nanos() as u64);
            self.gone_before = self.gone_before.max(cutoff);
            if matches!(call, Call::Compact) {
                self.model.rows.retain(|key, _| key.0 != KEPT || key.2 >= cutoff);
            }
        }
        refused
    }

    /// Without the rows of [`KEPT`] that are not among these times, if they may be gone. Returns how
    /// many.
    fn expire(&mut self, times: &BTreeSet<i64>) -> Option<u64> {
        let gone: Vec<i64> = kept_times(&self.model.rows).difference(times).copied().collect();
        if gone.iter().any(|time| *time >= self.gone_before) {
            return None;
        }
        self.model.rows.retain(|key, _| key.0 != KEPT || times.contains(&key.2));
        Some(gone.len() as u64)
    }
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
        let model = Model::new(duplicates);
        let state = State { model, keep: None, has_kept: false, gone_before: i64::MIN };
        Self { states: vec![state], expired: 0 }
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
                    let times = words.get(2).and_then(|ranges| times_of(ranges));
                    let times = times.ok_or_else(|| format!("it said `{line}`"))?;
                    self.settle(&times, |rows| format!("{:016x}", digest(rows)) == words[1])
                        .map_err(|()| {
                            "it found rows that must not be, or missed some".to_owned()
                        })?;
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
        let counts: Vec<usize> = self.states.iter_mut().map(|state| state.apply(call)).collect();
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
                        self.states.iter_mut().for_each(|state| _ = state.model.write(rows));
                    }
                    next.extend(batches.get(acknowledged).map(|rows| Call::Write(rows.clone())));
                }
                next
            }
            call => vec![call.clone()],
        };
        for whole in wholes {
            for mut after in self.states.clone() {
                after.apply(&whole);
                self.add(after);
            }
        }
        if self.states.len() > MAX_STATES {
            return Err(format!("{} states are possible: too many to tell", self.states.len()));
        }
        Ok(())
    }

    /// Adds a state, once: of two that differ in what may be gone, where more may.
    fn add(&mut self, state: State) {
        let is_same = |other: &&mut State| {
            (other.keep, other.has_kept) == (state.keep, state.has_kept)
                && other.model.rows == state.model.rows
        };
        match self.states.iter_mut().find(is_same) {
            Some(same) => same.gone_before = same.gone_before.max(state.gone_before),
            None => self.states.push(state),
        }
    }

    /// What was found stays: keeps the states that are `found`, where [`KEPT`] has these times.
    fn settle(&mut self, times: &BTreeSet<i64>, found: impl Fn(&Rows) -> bool) -> Result<(), ()> {
        let mut left = Self { states: Vec::new(), expired: self.expired };
        for mut state in self.states.clone() {
            if let Some(expired) = state.expire(times).filter(|_| found(&state.model.rows)) {
                left.expired = left.expired.max(self.expired + expired);
                left.add(state);
            }
        }
        if left.states.is_empty() {
            return Err(());
        }
        *self = left;
        Ok(())
    }

    /// How many rows went by their age since this was last asked.
    pub(crate) fn take_expired(&mut self) -> u64 {
        std::mem::take(&mut self.expired)
    }

    /// Compares with what the parent found.
    ///
    /// # Errors
    /// When that is not allowed, with the rows that differ.
    pub(crate) fn compare(&mut self, found: &Rows) -> Result<(), String> {
        if self.settle(&kept_times(found), |rows| rows == found).is_ok() {
            return Ok(());
        }
        let want = &self.states[0].model.rows;
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
        &self.states[0].model.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Row;

    #[test]
    fn ranges_of_times() {
        for (times, text) in [(vec![], "-"), (vec![1, 2, 3, 7], "1-3,7-7")] {
            let times = BTreeSet::from_iter(times);
            assert_eq!(ranges(&times), text);
            assert_eq!(times_of(text), Some(times));
        }
        assert_eq!(times_of("1-x"), None);
    }

    /// Rows 0 to 9, kept for 3 ns before the latest; `calls` more. Which of them may be gone, and must.
    #[track_caller]
    fn check(calls: &[Call], found: &[i64], is_allowed: bool) {
        let rows = |times: &[i64]| -> Vec<Row> {
            times.iter().map(|time| Row::new(KEPT, "a", *time, *time)).collect()
        };
        let mut allowed = Allowed::new(Duplicates::Last);
        let written = Call::Write(rows(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
        let keep = Call::Retain { table: KEPT, keep: Some(Duration::from_nanos(3)) };
        for call in [written, keep].iter().chain(calls) {
            allowed.acknowledge(call, 0).unwrap();
        }
        let mut model = Model::new(Duplicates::Last);
        model.write(&rows(found));
        assert_eq!(allowed.compare(&model.rows).is_ok(), is_allowed, "{found:?}");
    }

    #[test]
    fn rows_may_go_by_their_age_and_no_others() {
        let forever = Call::Retain { table: KEPT, keep: None };
        let all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for gone in 0..=6 {
            check(&[], &all[gone..], true);
            // It may have gone before.
            check(std::slice::from_ref(&forever), &all[gone..], true);
            check(&[Call::Compact], &all[gone..], gone == 6);
        }
        check(&[], &all[7..], false);
        check(&[], &[0, 3, 6, 7, 8, 9], true);
        check(&[], &[0, 3, 6, 7, 9], false);
        let later = Call::Write(vec![Row::new(KEPT, "a", 12, 12)]);
        check(std::slice::from_ref(&later), &[12], false);
        check(std::slice::from_ref(&later), &[9, 12], true);
        check(&[forever, later.clone()], &[9, 12], false);
    }
}
