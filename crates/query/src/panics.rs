use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind, Result};

/// Does `work`; a panic in it is an error. DataFusion 55 panics at some statements that it does not understand, or
/// computes with lengths that there are not (`lpad(x, -1)`): what asked must live on.
///
/// What may be left half done is dropped with the statement: its plan, its streams and its memory, of which the
/// budget keeps one number. Snapshots do not change.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(panic) => Err(panicked(&*panic)),
    }
}

/// A panic as an error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = format!(
        "the SQL engine panicked: {}. That is an error of the engine, not of your data: please report the statement",
        message(panic)
    );
    Error::new(ErrorKind::Execution, text)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it does not say why")
}
