use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use tidemill_analysis::native::Bucket;

use super::aggregate::is_time;

use crate::filter::{constant, constant_time};
use crate::schema::TableColumns;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 1970-01-05, a Monday: weeks start there.
const FIRST_MONDAY: i64 = 4 * DAY;

/// The buckets of `date_bin(interval, time[, origin])` and `date_trunc(unit, time)` where all of
/// them are equally long: not for months and longer.
pub(super) fn bucket(call: &ScalarFunction, table: &TableColumns) -> Option<Bucket> {
    match (call.name(), call.args.as_slice()) {
        ("date_bin", [width, time]) => by_width(width, time, 0, table),
        ("date_bin", [width, time, origin]) => by_width(width, time, constant_time(origin)?, table),
        ("date_trunc", [unit, time]) if is_time(time, table) => truncated(constant(unit)?),
        _ => None,
    }
}

fn by_width(width: &Expr, time: &Expr, origin_ns: i64, table: &TableColumns) -> Option<Bucket> {
    if !is_time(time, table) {
        return None;
    }
    Some(Bucket { origin_ns, width_ns: width_ns(&constant(width)?)? })
}

/// The length of an interval that is always equally long, and positive.
pub(crate) fn width_ns(interval: &ScalarValue) -> Option<i64> {
    let width_ns = match interval {
        ScalarValue::IntervalMonthDayNano(Some(width)) if width.months == 0 => {
            i64::from(width.days).checked_mul(DAY)?.checked_add(width.nanoseconds)?
        }
        ScalarValue::IntervalDayTime(Some(width)) => {
            let milliseconds = i64::from(width.milliseconds) * (SECOND / 1000);
            i64::from(width.days).checked_mul(DAY)?.checked_add(milliseconds)?
        }
        _ => return None,
    };
    (width_ns > 0).then_some(width_ns)
}

fn truncated(unit: ScalarValue) -> Option<Bucket> {
    let unit = unit.try_as_str().flatten()?.to_lowercase();
    let (origin_ns, width_ns) = match unit.as_str() {
        "microsecond" => (0, 1000),
        "millisecond" => (0, 1_000_000),
        "second" => (0, SECOND),
        "minute" => (0, 60 * SECOND),
        "hour" => (0, 3600 * SECOND),
        "day" => (0, DAY),
        "week" => (FIRST_MONDAY, 7 * DAY),
        _ => return None,
    };
    Some(Bucket { origin_ns, width_ns })
}
