//! Campaigns on simulated machines: power cuts, failing calls, damage. All in memory, so that one
//! processor makes thousands of them a second.

mod corrupt;
mod damage;
mod digest;
mod driver;
mod machine;
mod power;
mod record;
mod sample;
mod workload;

pub(crate) use corrupt::{CorruptArgs, corrupt};
pub(crate) use power::{PowerArgs, power};
