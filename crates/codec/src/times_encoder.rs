use crate::bytes::HEADER_BYTES;
use crate::ints_encoder::IntsEncoder;
use crate::times::{DELTAS, LINEAR, are_run_starts, last_time, run_rows};
use crate::{MAX_BLOCK_ROWS, VECTOR_ROWS};
use std::collections::TryReserveError;

/// Encodes times as [`crate::times`](mod@crate::times) lays them out.
#[derive(Default)]
pub(crate) struct TimesEncoder {
    firsts: Vec<u64>,
    steps: Vec<u64>,
    anchors: Vec<u64>,
    deltas: Vec<u64>,
}

impl TimesEncoder {
    pub(crate) fn encode(
        &mut self,
        ints: &mut IntsEncoder,
        times: &[i64],
        run_starts: &[u32],
        out: &mut Vec<u8>,
    ) -> Result<(), TryReserveError> {
        assert!(times.len() <= MAX_BLOCK_ROWS, "a block of {} rows", times.len());
        assert!(are_run_starts(run_starts, times.len()), "runs that don't fit the rows");
        out.try_reserve(HEADER_BYTES)?;
        self.firsts.clear();
        self.firsts.try_reserve(run_starts.len())?;
        self.firsts.extend(run_starts.iter().map(|start| times[*start as usize] as u64));
        if self.find_steps(times, run_starts)? {
            out.push(LINEAR);
            ints.encode(&self.firsts, out)?;
            ints.encode(&self.steps, out)
        } else {
            self.find_deltas(times, run_starts)?;
            self.anchors.clear();
            self.anchors.try_reserve(times.len().div_ceil(VECTOR_ROWS))?;
            self.anchors.extend(times.iter().step_by(VECTOR_ROWS).map(|time| *time as u64));
            out.push(DELTAS);
            ints.encode(&self.firsts, out)?;
            ints.encode(&self.anchors, out)?;
            ints.encode(&self.deltas, out)
        }
    }

    /// Finds the step of each run; `false` when one has none.
    fn find_steps(&mut self, times: &[i64], run_starts: &[u32]) -> Result<bool, TryReserveError> {
        self.steps.clear();
        self.steps.try_reserve(run_starts.len())?;
        let mut step = 0i64;
        for run in 0..run_starts.len() {
            let run = &times[run_rows(run_starts, times.len(), run)];
            if let [first, second, ..] = run {
                step = second.wrapping_sub(*first);
                // Counted, not searched: this way it is done many at a time.
                let others: usize = run
                    .iter()
                    .zip(&run[1..])
                    .map(|(before, time)| usize::from(time.wrapping_sub(*before) != step))
                    .sum();
                let last = last_time(*first, step, run.len());
                if step < 0 || others > 0 || last != run.last().copied() {
                    return Ok(false);
                }
            }
            self.steps.push(step as u64);
        }
        // Single rows at the front have no step before them to repeat.
        let single = (1..run_starts.len()).take_while(|run| run_starts[*run] as usize == *run);
        let leading = single.count();
        if let Some(step) = self.steps.get(leading).copied() {
            self.steps[..leading].fill(step);
        }
        Ok(true)
    }

    fn find_deltas(&mut self, times: &[i64], run_starts: &[u32]) -> Result<(), TryReserveError> {
        let deltas = times.iter().zip(&times[1..]);
        self.deltas.clear();
        self.deltas.try_reserve(times.len())?;
        self.deltas.push(0);
        self.deltas.extend(deltas.map(|(before, time)| time.wrapping_sub(*before) as u64));
        if run_starts.get(1) != Some(&1)
            && let Some(second) = self.deltas.get(1).copied()
        {
            self.deltas[0] = second;
        }
        for start in &run_starts[1..] {
            self.deltas[*start as usize] = self.deltas[*start as usize - 1];
        }
        Ok(())
    }
}
