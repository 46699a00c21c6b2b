//! Campaigns on simulated machines: power cuts, failing calls, damage. All in memory, so that one
//! processor makes thousands of them a second.

mod corrupt;
mod damage;
mod digest;
mod driver;
mod faults;
mod machine;
mod power;
mod record;
mod sample;
mod workload;

pub(crate) use corrupt::{CorruptArgs, corrupt};
pub(crate) use faults::{FaultsArgs, faults};
pub(crate) use power::{PowerArgs, power};
