/// Nothing.
#[derive(Debug, Default)]
pub(crate) struct Sql;
