//! Where a program's memory goes: every allocation of a run by the place that made it.
//!
//! * [`preload`]: the library that counts, built from `gauge/probe`, and which programs it can count in.
//! * [`run`]: a command with it; what its processes wrote.
//! * [`snapshot`]: what they wrote, as it is.
//! * [`symbols`]: names for addresses, from the files that were mapped.
//! * [`profile`]: sites with names: what is shown.
//! * [`table`], [`html`], [`dhat`]: three ways to show it.

pub mod dhat;
pub mod html;
pub mod preload;
pub mod profile;
pub mod run;
pub mod snapshot;
pub mod symbols;
pub mod table;
