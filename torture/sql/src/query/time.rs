//! Times: constants in several spellings, ranges, buckets.

use jiff::Timestamp;

use super::Maker;
use crate::dataset::{Kind, SECOND};

const DAY: i64 = 86_400 * SECOND;
/// 1970-01-05, a Monday.
const FIRST_MONDAY: i64 = 4 * DAY;
const OPERATORS: [&str; 6] = ["=", "<>", "<", "<=", ">", ">="];

impl Maker<'_> {
    /// A time near those of the rows, in nanoseconds.
    pub(super) fn moment(&mut self) -> i64 {
        let (start, end, step) = (self.dataset.start, self.dataset.end, self.dataset.step);
        let count = self.table.series.len() as i64;
        match self.random.below(10) {
            0 => start - step,
            1 => end + step,
            2..6 => {
                (start + self.random.between(0, (end - start) / step) * step).div_euclid(count)
                    * count
            }
            6 => start.div_euclid(60 * SECOND) * 60 * SECOND,
            _ => self.random.between(start, end),
        }
    }

    /// A constant time to compare with, as text.
    pub(super) fn time_constant(&mut self, ns: i64) -> String {
        let Ok(stamp) = Timestamp::from_nanosecond(ns.into()) else { return "NULL".to_owned() };
        let zoned = stamp.to_string();
        let plain = zoned.trim_end_matches('Z');
        let ours = match self.random.below(6) {
            0 | 1 => format!("'{zoned}'"),
            2 => format!("TIMESTAMP '{plain}'"),
            3 => format!("to_timestamp_nanos({ns})"),
            4 => format!("CAST('{zoned}' AS TIMESTAMP)"),
            _ => match Timestamp::from_nanosecond(i128::from(ns) - i128::from(60 * SECOND)) {
                Ok(before) => format!(
                    "(to_timestamp_nanos({}) + INTERVAL '1 minute')",
                    before.as_nanosecond()
                ),
                Err(_) => format!("'{zoned}'"),
            },
        };
        format!("⟦{ours}¦make_timestamp_ns({ns})⟧")
    }

    /// A condition on the time of a row.
    pub(super) fn time_condition(&mut self, column: &str) -> String {
        let (a, b) = (self.moment(), self.moment());
        let (low, high) = (a.min(b), a.max(b));
        let low = self.time_constant(low);
        let high = self.time_constant(high);
        let operator = *self.random.pick(&OPERATORS);
        match self.random.below(9) {
            0 | 1 => format!("{column} {operator} {low}"),
            2 => format!("{high} {operator} {column}"),
            3 => format!("{column} BETWEEN {low} AND {high}"),
            4 | 5 => format!("{column} >= {low} AND {column} < {high}"),
            6 => format!("NOT ({column} < {low}) AND NOT ({high} < {column})"),
            7 => format!("({column} < {low} OR {column} >= {high})"),
            _ => {
                let bucket = self.bucket(column);
                format!("{bucket} {operator} {low}")
            }
        }
    }

    /// The stretch of time a row falls into.
    pub(super) fn bucket(&mut self, column: &str) -> String {
        let step = self.dataset.step;
        let widths: Vec<(i64, &str)> = [
            (1_000_000, "1 millisecond"),
            (250_000_000, "250 milliseconds"),
            (SECOND, "1 second"),
            (20 * SECOND, "20 seconds"),
            (60 * SECOND, "1 minute"),
            (3600 * SECOND, "1 hour"),
            (7 * 3600 * SECOND, "7 hours"),
            (DAY, "1 day"),
        ]
        .into_iter()
        .filter(|(width, _)| *width >= step)
        .collect();
        let (width, words) = *self.random.pick(&widths);
        let origin = self.moment();
        match self.random.below(6) {
            0 | 1 => {
                format!("⟦date_bin(INTERVAL '{words}', {column})¦bucket({column}, {width}, 0)⟧")
            }
            2 => {
                let at = Timestamp::from_nanosecond(origin.into()).unwrap_or_default();
                format!(
                    "⟦date_bin(INTERVAL '{words}', {column}, '{at}')¦bucket({column}, {width}, {origin})⟧"
                )
            }
            3 => {
                format!("⟦time_bucket(INTERVAL '{words}', {column})¦bucket({column}, {width}, 0)⟧")
            }
            4 if self.dataset.start > 0 && self.random.chance(30) => {
                let unit = *self.random.pick(&["month", "year", "quarter"]);
                format!(
                    "⟦date_trunc('{unit}', {column})¦date_trunc('{unit}', bucket({column}, {DAY}, 0))::TIMESTAMP_NS⟧"
                )
            }
            _ => {
                let (unit, width, origin) = *self.random.pick(&[
                    ("second", SECOND, 0),
                    ("minute", 60 * SECOND, 0),
                    ("hour", 3600 * SECOND, 0),
                    ("day", DAY, 0),
                    ("week", 7 * DAY, FIRST_MONDAY),
                ]);
                format!("⟦date_trunc('{unit}', {column})¦bucket({column}, {width}, {origin})⟧")
            }
        }
    }

    /// The column of times.
    pub(super) fn time_name(&mut self) -> String {
        self.name(&[Kind::Time]).unwrap_or_else(|| "time".to_owned())
    }
}
