//! SQL, when it is built in.

#[cfg(feature = "sql")]
mod complete;
#[cfg(feature = "sql")]
mod enabled;
#[cfg(feature = "sql")]
mod shell;
#[cfg(feature = "sql")]
mod table;
#[cfg(feature = "sql")]
pub(crate) use {
    enabled::{answer, count_matching, delete},
    shell::run as shell,
};

#[cfg(not(feature = "sql"))]
mod disabled;
#[cfg(not(feature = "sql"))]
pub(crate) use disabled::{answer, count_matching, delete, shell};
