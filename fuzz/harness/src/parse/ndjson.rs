//! NDJSON: the reader gives the rows and errors of the plain one, however the text is cut.

use tidemill_parse::ndjson::{points, survey};
use tidemill_parse::tabular::Plan;

use super::{Outcome, Row, cuts, tabular};
use crate::input::Input;

pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let options = tabular::options(&mut input);
    let cuts = cuts(&mut input);
    // The plan may be made of a part: what follows must not fit it.
    let sampled = usize::from(input.u8()) * 2;
    let text = input.bytes;
    let sample = &text[..sampled.min(text.len())];
    if let Ok(plan) = survey(sample, sample.len() == text.len(), &options) {
        let _ = plan.describe();
        tabular::check(&plan, text, &cuts(text.len()), &by_points(&plan, text));
    }
}

fn by_points<'a>(plan: &'a Plan, text: &'a [u8]) -> Outcome<'a> {
    let mut outcome = Outcome::default();
    let mut points = points(text, true, true, plan);
    while let Some(point) = points.next() {
        match point {
            Ok(point) => outcome.rows.push((points.row_start(), Row::of(point))),
            Err(error) => outcome.errors.push(error),
        }
    }
    outcome
}
