//! How many runs fit in the time. Fixed before the first of them counts: who looks at results
//! to decide whether to go on finds what he looks for.

use std::time::Duration;

use anyhow::Result;

use crate::outcome::Usage;
use crate::stats::signed_rank;

/// How long a process measures where the time allows.
pub const RUN: Duration = Duration::from_millis(60);

/// How long it measures at least.
pub const LEAST_RUN: Duration = Duration::from_millis(10);

/// Blocks that are enough: more would find differences below the least effect.
pub const MAX_BLOCKS: usize = 40;

/// Blocks above the least that can be significant: with the least, one block of the other sign
/// hides a row.
const SPARE_BLOCKS: usize = 4;

/// What will be run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Blocks of each row.
    pub blocks: usize,
    /// How long a process measures.
    pub run: Duration,
    /// How long it all lasts, about.
    pub total: Duration,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The time for all runs.
    pub budget: Duration,
    /// The level of the tests.
    pub level: f64,
    /// Blocks, if somebody says; the budget does not bind then.
    pub blocks: Option<usize>,
    /// Programs of a row: the base, the other, the controls.
    pub programs: usize,
}

/// So many blocks that a difference in one of `rows` comparisons is significant at `level` although a few go the other way.
pub fn enough_blocks(level: f64, rows: usize) -> usize {
    signed_rank::least_samples(level, rows) + SPARE_BLOCKS
}

impl Request {
    /// Refuses so few blocks that no difference in any of `rows` rows could be significant: all would be
    /// "inconclusive", and look as if something had been judged.
    ///
    /// # Errors
    /// When they are too few: says how many would do.
    pub fn check(&self, rows: usize) -> Result<()> {
        let least = signed_rank::least_samples(self.level, rows);
        match self.blocks {
            Some(blocks) if blocks < least => Err(Usage(format!(
                "--blocks {blocks} could show no difference, however large: {rows} {} at least {least}",
                if rows == 1 { "row needs" } else { "rows need" }
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Divides the time that is left after `spent` over the rows. `overheads` is how long a process of each row lives
    /// beyond the time it is given to measure.
    ///
    /// # Errors
    /// When it does not suffice for results that could be significant: says how much would.
    pub fn plan(&self, overheads: &[Duration], spent: Duration) -> Result<Plan> {
        let budget = self.budget.saturating_sub(spent);
        let block = |run: Duration| -> Duration {
            let runs = 2 * self.programs as u32;
            overheads.iter().map(|overhead| (*overhead + run) * runs).sum()
        };
        let least = enough_blocks(self.level, overheads.len());
        let fitting = |run: Duration| {
            let one = block(run).as_secs_f64().max(1e-9);
            (budget.as_secs_f64() / one) as usize
        };
        let plan =
            |blocks: usize, run: Duration| Plan { blocks, run, total: block(run) * blocks as u32 };
        if let Some(blocks) = self.blocks {
            return Ok(plan(blocks, RUN));
        }
        if fitting(RUN) >= least {
            return Ok(plan(fitting(RUN).min(MAX_BLOCKS), RUN));
        }
        if fitting(LEAST_RUN) < least {
            let needed = block(LEAST_RUN) * least as u32 + spent;
            let longest = overheads.iter().max().map_or(0.0, Duration::as_secs_f64);
            let (rows, minutes) = (overheads.len(), needed.as_secs_f64() / 60.0);
            let message = format!(
                "{rows} rows need {minutes:.1} minutes (beside measuring, a process takes up to {longest:.2} s): \
                 name fewer of them, or give --minutes {}",
                minutes.ceil()
            );
            return Err(Usage(message).into());
        }
        // As many blocks as are needed, and each run as long as that leaves.
        let fixed = block(Duration::ZERO).as_secs_f64() * least as f64;
        let runs = (2 * self.programs * overheads.len() * least) as f64;
        let left = ((budget.as_secs_f64() - fixed) / runs).max(LEAST_RUN.as_secs_f64());
        Ok(plan(least, Duration::from_secs_f64(left)))
    }

    /// The time that is left for runs. Time alone ends them, which favours neither program; never what was found.
    pub fn left(&self, elapsed: Duration) -> Duration {
        if self.blocks.is_some() { Duration::MAX } else { self.budget.saturating_sub(elapsed) }
    }

    /// Whether no further block is to begin.
    pub fn is_over(&self, elapsed: Duration) -> bool {
        self.left(elapsed).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERHEAD: Duration = Duration::from_millis(5);

    fn request(seconds: u64) -> Request {
        Request { budget: Duration::from_secs(seconds), level: 0.01, blocks: None, programs: 4 }
    }

    #[test]
    fn a_plan_keeps_within_its_time_and_can_be_significant() {
        for rows in [1usize, 3, 10, 53] {
            let least = signed_rank::least_samples(0.01, rows) + SPARE_BLOCKS;
            for seconds in [10, 30, 60, 300, 600, 3600] {
                let Ok(plan) = request(seconds).plan(&vec![OVERHEAD; rows], Duration::ZERO) else {
                    assert!(seconds as usize * 8 < 60 * rows, "{rows} rows in {seconds} s");
                    continue;
                };
                let limit = Duration::from_secs(seconds) + Duration::from_millis(1);
                assert!(plan.total <= limit, "{rows} rows in {seconds} s: {plan:?}");
                assert!((least..=MAX_BLOCKS).contains(&plan.blocks), "{plan:?}");
                assert!((LEAST_RUN..=RUN).contains(&plan.run), "{plan:?}");
            }
        }
    }

    #[test]
    fn time_in_plenty_is_not_used_up() {
        let plan = request(600).plan(&[OVERHEAD], Duration::ZERO).unwrap();
        assert_eq!((plan.blocks, plan.run), (MAX_BLOCKS, RUN));
        assert!(plan.total < Duration::from_secs(30), "{plan:?}");
    }

    #[test]
    fn short_time_shortens_the_runs_first() {
        let plan = request(60).plan(&[OVERHEAD; 10], Duration::ZERO).unwrap();
        assert_eq!(plan.blocks, signed_rank::least_samples(0.01, 10) + SPARE_BLOCKS);
        assert!(plan.run < RUN && plan.total > Duration::from_secs(59), "{plan:?}");
    }

    #[test]
    fn too_little_time_is_said_so_with_what_would_do() {
        let error = request(60).plan(&[Duration::from_secs(1); 10], Duration::ZERO).unwrap_err();
        assert!(error.is::<Usage>());
        let message = error.to_string();
        // 10 rows, 8 runs of 1.01 s, 11 + 4 blocks.
        assert!(message.contains("20.2 minutes") && message.contains("--minutes 21"), "{message}");
    }

    #[test]
    fn time_ends_it_unless_blocks_were_asked_for() {
        let (before, after) = (Duration::from_secs(9), Duration::from_secs(11));
        assert!(!request(10).is_over(before) && request(10).is_over(after));
        assert!(!Request { blocks: Some(3), ..request(10) }.is_over(after));
    }

    #[test]
    fn a_number_of_blocks_is_a_number_of_blocks() {
        let request = Request { blocks: Some(13), ..request(1) };
        assert_eq!(request.plan(&[OVERHEAD; 10], Duration::ZERO).unwrap().blocks, 13);
    }

    #[test]
    fn blocks_that_can_show_nothing_are_refused() {
        // All of one sign: 2 / 2^n, times the rows, is at most 1 %.
        for (rows, least) in [(1, 8), (3, 10), (10, 11)] {
            let with = |blocks| Request { blocks: Some(blocks), ..request(1) }.check(rows);
            assert!(with(least).is_ok());
            for blocks in [0, 1, least - 1] {
                let error = with(blocks).unwrap_err();
                assert!(error.is::<Usage>());
                assert!(error.to_string().contains(&format!("at least {least}")), "{error}");
            }
        }
        assert!(request(1).check(10).is_ok());
    }

    #[test]
    fn what_the_first_runs_took_is_not_there_for_the_blocks() {
        let spent = Duration::from_secs(30);
        let plan = request(60).plan(&[OVERHEAD; 10], spent).unwrap();
        assert!(plan.total <= spent, "{plan:?}");
        let error = request(60).plan(&[OVERHEAD; 10], Duration::from_secs(59)).unwrap_err();
        // 10 rows, 8 runs of 15 ms, 15 blocks are 18 s.
        assert!(error.to_string().contains("1.3 minutes"), "{error}");
    }
}
