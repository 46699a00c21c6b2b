use crate::args::QueryArgs;
use crate::outcome::Outcome;
use crate::{sql, stores};

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    sql::answer(&store, &args.sql, args.format, args.output.as_deref())
}
