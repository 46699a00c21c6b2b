use crate::args::AnalyzeArgs;
use crate::outcome::Outcome;

pub(crate) fn run(_args: &AnalyzeArgs) -> anyhow::Result<Outcome> {
    anyhow::bail!("soon")
}
