use super::keys::Keys;
use super::line::{self, Line};
use super::token::{Fault, Token};
use crate::tabular::{MAX_COLUMNS, Plan, PlanError, Sample, Syntax, TabularOptions};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The plan of the file that begins with `sample`; `is_whole` says that it also ends with it.
///
/// # Errors
/// [`PlanError`]: no row, no time column, a column named that is not there.
pub fn survey(sample: &[u8], is_whole: bool, options: &TabularOptions) -> Result<Plan, PlanError> {
    let (mut columns, mut keys, mut scratch) = (Sample::default(), Keys::new(), Vec::new());
    let mut by_key = Vec::new();
    let mut at = file_start(sample, true, is_whole).unwrap_or(sample.len());
    while at < sample.len() {
        let visit = |keys: &Keys, key: u32, token: Token<'_>| {
            by_key.resize(keys.len(), None);
            let column = match by_key[key as usize] {
                Some(column) => column,
                None if columns.width() == MAX_COLUMNS => return Err(too_wide(token.at)),
                None => columns.column(keys.path(key)),
            };
            by_key[key as usize] = Some(column);
            if !token.is_missing() {
                let text = token.text(&mut scratch)?;
                columns.set(column, text.as_bytes(), token.kinds());
            }
            Ok(())
        };
        match line::read(sample, at, is_whole, &mut keys, visit) {
            Line::Row(next) => {
                columns.end_row();
                at = next;
            }
            Line::Blank(next) => at = next,
            Line::Bad { next, .. } => {
                columns.abandon_row();
                at = next;
            }
            Line::Unfinished => {
                columns.abandon_row();
                break;
            }
        }
    }
    columns.into_plan(Syntax::Ndjson, options)
}

/// [`Plan::survey_types`] for NDJSON. Keys that are new become columns of the plan.
pub(crate) fn survey_types(plan: &mut Plan, chunk: &[u8], is_first: bool, is_last: bool) -> usize {
    let Some(mut at) = file_start(chunk, is_first, is_last) else { return 0 };
    let (time, mut parser) = plan.time();
    let (mut keys, mut scratch, mut columns) = (Keys::new(), Vec::new(), Vec::new());
    // What a row holds counts only if its time can be read.
    let mut row = Vec::new();
    while at < chunk.len() {
        row.clear();
        let mut has_time = false;
        let visit = |keys: &Keys, key: u32, token: Token<'_>| {
            columns.resize(keys.len(), None);
            let column = match columns[key as usize] {
                Some(column) => column,
                None if plan.columns().len() == MAX_COLUMNS => return Err(too_wide(token.at)),
                None => plan.column(keys.path(key)),
            };
            columns[key as usize] = Some(column);
            if column == time && !token.is_missing() {
                let text = token.text(&mut scratch)?.trim_ascii();
                has_time = parser.parse(text.as_bytes()).is_ok();
            }
            row.push((column, token.kinds()));
            Ok(())
        };
        match line::read(chunk, at, is_last, &mut keys, visit) {
            Line::Row(next) => {
                if has_time {
                    row.iter().for_each(|(column, kinds)| plan.see(*column, *kinds));
                }
                at = next;
            }
            Line::Blank(next) | Line::Bad { next, .. } => at = next,
            Line::Unfinished => break,
        }
    }
    at
}

fn too_wide(at: usize) -> Fault {
    Fault::new(at, format!("more than {MAX_COLUMNS} columns"))
}

/// Where the first line starts: after the byte order mark, if `chunk` is the file's beginning;
/// `None` when it ends too early to tell.
pub(super) fn file_start(chunk: &[u8], is_first: bool, is_last: bool) -> Option<usize> {
    if !is_first {
        return Some(0);
    }
    if !is_last && chunk.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(chunk) {
        return None;
    }
    Some(if chunk.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 })
}
