//! Which processors the measured processes run on. They inherit it from this thread.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this process may use, and a way back to all of them.
#[derive(Debug)]
pub struct Processors {
    before: CpuSet,
    /// Their numbers.
    pub numbers: Vec<usize>,
}

impl Processors {
    /// Those of this thread now.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn observe() -> Result<Self> {
        let before = sched_getaffinity(None).context("which processors may be used")?;
        let numbers = (0..CpuSet::MAX_CPU).filter(|number| before.is_set(*number)).collect();
        Ok(Self { before, numbers })
    }

    /// Only these; those that are none of [`numbers`](Self::numbers) are left out.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn use_only(&self, numbers: &[usize]) -> Result<()> {
        let mut set = CpuSet::new();
        numbers
            .iter()
            .filter(|number| self.before.is_set(**number))
            .for_each(|number| set.set(*number));
        sched_setaffinity(None, &set)
            .with_context(|| format!("cannot pin to processors {numbers:?}"))
    }
}

/// Back to all.
impl Drop for Processors {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_runs_where_it_is_put_and_the_way_back_is_found() {
        let seen = || std::thread::available_parallelism().unwrap().get();
        let all = seen();
        let processors = Processors::observe().unwrap();
        let last = *processors.numbers.last().unwrap();
        processors.use_only(&[last]).unwrap();
        assert_eq!(rustix::thread::sched_getcpu(), last);
        assert_eq!(seen(), 1);
        drop(processors);
        assert_eq!(seen(), all);
    }
}
