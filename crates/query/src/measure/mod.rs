//! What a statement takes, by stages ([`stages`], for `--profile-memory`) and by operators (for `EXPLAIN
//! ANALYZE` as well). Unless one of the two is asked for, plans are as they are and a stage costs one
//! load.
//!
//! An operator's cycles are those of the time-stamp counter while its stream is asked for a batch, without those of the
//! streams that it asks in turn; and those of tasks that it spawns, likewise. Waiting, with nothing to do, is
//! no cycles; being interrupted by other programs is. Partitions and threads are added up. Bytes and
//! allocations are those of the same stretches: all that was requested, whoever frees it and when.

mod figure;
mod operator;
pub(crate) mod stages;
mod task;

pub(crate) use figure::figures;
pub(crate) use operator::measured;
pub(crate) use task::measured_future;
