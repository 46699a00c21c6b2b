use tidemill_store::TableView;

/// Below this many rows a series, series share blocks and are best read in the order of their
/// ids; above, any order costs the same.
const MIN_ROWS_A_SERIES: u64 = 1024;

/// Arranges series so that the rows of a scan come in an order that SQL can name, and tells the
/// tags that come before `time` in it: none when there is one series, `None` when there is no
/// such order.
///
/// A tag that is different in each of the series is enough; otherwise it takes all tags.
pub(super) fn arrange(view: &TableView, series: &mut [u32]) -> Option<Vec<usize>> {
    if series.len() <= 1 {
        return Some(Vec::new());
    }
    if view.max_rows() / u64::from(view.series_count().max(1)) < MIN_ROWS_A_SERIES {
        return None;
    }
    let index = view.series_index();
    let tags = view.schema().tags.len();
    let is_key = |tag: &usize| {
        let mut codes: Vec<u32> = series.iter().map(|s| index.tag_codes(*tag).of(*s)).collect();
        codes.sort_unstable();
        codes.windows(2).all(|pair| pair[0] != pair[1])
    };
    let order = match (0..tags).find(is_key) {
        Some(tag) => vec![tag],
        None => (0..tags).collect(),
    };
    // Absent tags come last, as SQL's ascending order has it.
    series.sort_by_cached_key(|s| {
        let value = |tag: &usize| {
            let value = index.tag_value(*tag, index.tag_codes(*tag).of(*s));
            (value.is_none(), value.map(str::to_owned))
        };
        order.iter().map(value).collect::<Vec<_>>()
    });
    Some(order)
}
