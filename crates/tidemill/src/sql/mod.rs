//! SQL over a store, when it is built in.

#[cfg(feature = "sql")]
mod enabled;
#[cfg(feature = "sql")]
pub(crate) use enabled::Sql;

#[cfg(not(feature = "sql"))]
mod disabled;
#[cfg(not(feature = "sql"))]
pub(crate) use disabled::Sql;
