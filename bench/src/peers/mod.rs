//! Queries beside those of other engines, on the same rows, call by call.
//!
//! * [`spec`]: what is asked. * [`ours`]: a store in this process. * [`process`]: the peers, in Python.
//! * [`answer`]: answers, compared. * [`table`]: what is printed and drawn.

pub mod answer;
pub mod ours;
pub mod process;
pub mod spec;
pub mod table;
