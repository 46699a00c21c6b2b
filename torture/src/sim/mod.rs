//! Campaigns on simulated machines: power cuts, failing calls, damage. All in memory, so that one
//! processor makes thousands of them a second.

mod digest;
mod driver;
mod machine;
mod power;
mod record;
mod workload;

pub(crate) use power::{PowerArgs, power};
