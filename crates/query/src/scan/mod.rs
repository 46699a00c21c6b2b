//! Reading rows for DataFusion: the table provider, the physical scan and the decoder of batches.

mod column;
mod exec;
mod order;
mod provider;
mod rows;
mod sieve;
mod window;

pub(crate) use exec::{SeriesScan, display_time};
pub(crate) use provider::{SeriesTable, scan};
pub(crate) use rows::RowColumn;
pub(crate) use sieve::Sieve;
pub(crate) use window::{Window, WindowFunction};
