//! Reading a store that may be damaged: every file on its own, as far as it goes. `check` says what
//! was found, `repair` writes what can be read into a new store.
//!
//! [`Found`] holds the files as they were at one moment, also beside a writer. [`Remains`] is what
//! manifest, definitions, footers and logs say, with the [`Damage`] among them; rows are read
//! block by block and write by write after that, so that memory stays bounded.

mod block;
mod damage;
mod found;
mod frames;
mod remains;
mod tables;

pub(crate) use block::{BlockReader, BlockRows};
pub use damage::{Damage, Lost, Report};
pub(crate) use found::Found;
pub(crate) use frames::FrameReader;
pub(crate) use remains::{Remains, Source};
pub(crate) use tables::TableRemains;
