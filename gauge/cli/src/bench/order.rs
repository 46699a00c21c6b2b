//! In which order the programs run.
//!
//! A block is a palindrome (A B B A): each program runs twice, and the middle of its two runs is
//! the block's middle, so a drift that is linear over the block cancels. Which program stands where is
//! drawn anew for each block: if two programs do not differ, exchanging them gives a block that was
//! as likely, and the sign of their log ratio is a fair coin, whatever the noise.

use crate::stats::random::Random;

/// The programs of a block in order, by index: a random order and its mirror.
pub fn block(programs: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..programs).collect();
    random.shuffle(&mut order);
    order.extend_from_within(..);
    order[programs..].reverse();
    order
}

/// The log ratio of a block: of the two runs of a program to the two of the base.
pub fn log_ratio(base: [f64; 2], program: [f64; 2]) -> f64 {
    ((program[0] / base[0]).ln() + (program[1] / base[1]).ln()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_palindrome_in_which_each_runs_twice() {
        let mut random = Random(1);
        for programs in 1..6 {
            for _ in 0..20 {
                let block = block(programs, &mut random);
                assert!(block.iter().eq(block.iter().rev()), "{block:?}");
                for program in 0..programs {
                    assert_eq!(block.iter().filter(|p| **p == program).count(), 2, "{block:?}");
                }
            }
        }
    }

    #[test]
    fn each_program_leads_equally_often() {
        let mut random = Random(2);
        let first = (0..1000).filter(|_| block(2, &mut random)[0] == 0).count();
        assert!((430..570).contains(&first), "{first}");
    }

    #[test]
    fn linear_drift_cancels() {
        let mut random = Random(3);
        for _ in 0..20 {
            let mut runs = [const { Vec::new() }; 4];
            for (at, program) in block(4, &mut random).into_iter().enumerate() {
                // Exponential in time: linear in the logarithm.
                runs[program].push((0.01 * at as f64).exp());
            }
            let pair = |program: usize| [runs[program][0], runs[program][1]];
            for program in 1..4 {
                assert!(log_ratio(pair(0), pair(program)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_slower_program_has_a_positive_log_ratio() {
        assert!((log_ratio([1.0, 2.0], [1.1, 2.2]) - 1.1f64.ln()).abs() < 1e-12);
    }
}
