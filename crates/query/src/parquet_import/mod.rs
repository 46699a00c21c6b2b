//! Reading Parquet files into batches: the only format whose reader needs Arrow, which is why it
//! stands here and not beside the others.
//!
//! [`ParquetImport::open`] looks at the schema and the first rows and makes an [`ImportPlan`]:
//! which column is the time, which are tags, of what types the fields are, what is left out and
//! why. [`ParquetImport::read`] then turns the file into rows, a few thousand at a time.

mod convert;
mod plan;
mod reader;

pub use plan::{ColumnRole, ImportOptions, ImportPlan, PlannedColumn};
pub use reader::{ParquetImport, RefusedRow};
