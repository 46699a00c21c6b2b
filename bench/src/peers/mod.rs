//! Queries beside those of other engines, on the same rows, call by call.
//!
//! * [`workload`]: data sets and their files. * [`cpu`], [`devops`], [`iot`]: what is asked of each.
//! * [`spec`]: what a query is. * [`ours`]: a store in this process. * [`process`]: the peers, in Python.
//! * [`answer`]: answers, compared. * [`table`]: what is printed and drawn.

pub mod answer;
pub mod cpu;
pub mod devops;
pub mod iot;
pub mod ours;
pub mod process;
pub mod spec;
pub mod table;
pub mod workload;
