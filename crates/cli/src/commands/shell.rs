use crate::args::ShellArgs;
use crate::outcome::Outcome;
use crate::{sql, stores};

pub(crate) fn run(args: &ShellArgs) -> anyhow::Result<Outcome> {
    let store = stores::open_to_read(&args.store)?;
    sql::shell(&store)
}
