//! What the targets of CSV and NDJSON share.

use jiff::tz::TimeZone;
use tidemill_model::Batch;
use tidemill_parse::RowError;
use tidemill_parse::tabular::{Plan, TabularOptions};
use tidemill_parse::time_text::{EpochUnit, TimeFormat};

use super::{Outcome, by_reader};
use crate::input::Input;

/// What the user might say of a file.
pub(super) fn options(input: &mut Input<'_>) -> TabularOptions {
    let choice = input.u8();
    let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    TabularOptions {
        time: [None, None, Some("t"), Some("column_1")][usize::from(choice & 3)].map(str::to_owned),
        tags: match choice >> 2 & 3 {
            0 | 1 => None,
            2 => names(&[]),
            _ => names(&["a", "b"]),
        },
        time_format: match choice >> 4 & 3 {
            0 | 1 => None,
            2 => Some(TimeFormat::Epoch(EpochUnit::Nanoseconds)),
            _ => Some(TimeFormat::DateTime),
        },
        tz: TimeZone::UTC,
        ..TabularOptions::new("t")
    }
}

/// A column may become wider so often; more are not worth the time.
const MAX_WIDENINGS: usize = 4;

/// That the reader gives the same rows and errors however `text` is cut, and that a survey of
/// all types makes a plan that takes all rows that any does.
pub(super) fn check(plan: &Plan, text: &[u8], cuts: &[usize], want: &Outcome<'_>) {
    let read = |plan: &Plan, cuts: &[usize]| {
        by_reader(&mut *plan.reader(true), &mut Batch::new(), text, cuts)
    };
    let whole = [text.len()];
    assert_eq!(read(plan, &whole), *want, "the reader and the plain one: {plan:?}");
    assert_eq!(read(plan, cuts), *want, "cut at {cuts:?}: {plan:?}");
    if want.errors.iter().all(|error| error.misfit.is_none()) {
        return;
    }
    let mut wide = plan.clone();
    let mut start = 0;
    for (index, end) in cuts.iter().enumerate() {
        let is_last = index == cuts.len() - 1;
        let taken = wide.survey_types(&text[start..*end], start == 0, is_last);
        start += taken;
        assert!(start <= *end && (!is_last || start == *end), "{taken} surveyed of {end}");
    }
    // What is still a misfit stands in a row that is wrong in another way, too: no plan takes it.
    // A number beyond every type is none: its row is refused, unless its column is of text for
    // the sake of another, which may be one of those rows.
    let surveyed = read(&wide, cuts);
    let beyond = |start: &usize| {
        let is_it = |error: &RowError| {
            error.misfit.is_none() && error.reason.contains("` is no float (key ")
        };
        surveyed.errors.iter().any(|error| error.row_start == *start && is_it(error))
    };
    let starts = |outcome: &Outcome<'_>| {
        let starts = outcome.rows.iter().map(|row| row.0);
        starts.filter(|start| !beyond(start)).collect::<Vec<_>>()
    };
    let mut widest = surveyed.errors.clone();
    for _ in 0..MAX_WIDENINGS {
        widest.iter().filter_map(|error| error.misfit).for_each(|misfit| wide.widen(misfit));
        let outcome = read(&wide, cuts);
        assert_eq!(starts(&outcome), starts(&surveyed), "the survey left out a type: {wide:?}");
        if outcome.errors == widest {
            break;
        }
        widest = outcome.errors;
    }
}
