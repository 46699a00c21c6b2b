use super::RowRef;

/// Sorts runs in which most rows are in order: the others alone are sorted, and then merged.
#[derive(Debug, Default)]
pub(super) struct LateSorter {
    ordered: Vec<(i64, RowRef)>,
    late: Vec<(i64, RowRef)>,
}

impl LateSorter {
    /// Sorts a run, which comes in arrival order, by time; that order stays among equal times.
    pub(super) fn sort(&mut self, run: &mut [RowRef], time: impl Fn(&RowRef) -> i64) {
        let Self { ordered, late } = self;
        ordered.clear();
        late.clear();
        let mut latest = i64::MIN;
        for entry in run.iter() {
            let time = time(entry);
            let rows = if time >= latest { &mut *ordered } else { &mut *late };
            rows.push((time, *entry));
            latest = latest.max(time);
        }
        // Who refers to a row that came earlier is the lesser one.
        late.sort_unstable();
        let (mut ordered, mut late) = (ordered.iter().peekable(), late.iter().peekable());
        for entry in run {
            let is_late = match (ordered.peek(), late.peek()) {
                (Some(ordered), Some(late)) => late < ordered,
                (ordered, _) => ordered.is_none(),
            };
            let next = if is_late { late.next() } else { ordered.next() };
            *entry = next.map_or(*entry, |next| next.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_rows_find_their_places_and_equal_times_stay_in_order() {
        let check = |times: &[i64]| {
            let mut run: Vec<_> =
                (0..times.len() as u32).map(|row| RowRef { chunk: 0, row }).collect();
            let mut want = run.clone();
            want.sort_by_key(|entry| times[entry.row as usize]);
            LateSorter::default().sort(&mut run, |entry| times[entry.row as usize]);
            assert_eq!(run, want, "{times:?}");
        };
        check(&[]);
        check(&[i64::MIN, i64::MAX, i64::MIN]);
        check(&[1, 5, 3, 5, 6, 3, 1, 7, 0]);
        check(&[5, 4, 3, 2, 1]);
        check(&[1, 2, 2, 1, 2, 1, 3]);
    }
}
