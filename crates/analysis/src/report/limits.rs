/// What bounds the length, the memory and the time of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series of a table that are reported one by one.
    pub max_series: usize,
    /// Anomalous stretches over all tables; more than three of a field of a series only where
    /// others have none.
    pub max_anomalies: usize,
    /// Points of a sparkline.
    pub sparkline_points: usize,
    /// Points of a chart.
    pub chart_points: usize,
    /// Values of a field that are kept to find exact quantiles, 8 bytes each, fewer when the
    /// budget is small; see [`crate::Quantiles`].
    pub max_exact_values: usize,
    /// Different texts of a field that are told apart, some 16 bytes each.
    pub max_distinct: usize,
    /// Grid cells of one series in which anomalies are sought, 32 bytes each.
    pub max_cells_per_series: usize,
    /// Grid cells of all series and fields of a table in which anomalies are sought, which is what
    /// the search costs: some 0.2 µs a cell. Beyond it cells get wider, down to
    /// [`Limits::min_cells_per_series`] a series, and then only every n-th series is judged.
    pub max_judged_cells: usize,
    /// See [`Limits::max_judged_cells`].
    pub min_cells_per_series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_series: 20,
            max_anomalies: 10,
            sparkline_points: 60,
            chart_points: 500,
            max_exact_values: 1 << 20,
            max_distinct: 1 << 16,
            max_cells_per_series: 4096,
            max_judged_cells: 4 << 20,
            min_cells_per_series: 512,
        }
    }
}

/// Which series of a table are judged, and how finely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// 1: all series; n: every n-th, from the first on.
    pub(super) every: usize,
    /// Cells of each at most.
    pub(super) max_cells: usize,
}

impl Limits {
    /// How `series` series of `fields` numeric fields are judged.
    pub(super) fn judged(&self, series: usize, fields: usize) -> Judged {
        let columns = (series * fields).max(1);
        let max_cells = self.max_judged_cells / columns;
        if max_cells >= self.min_cells_per_series {
            return Judged { every: 1, max_cells: max_cells.min(self.max_cells_per_series) };
        }
        let cells = self.min_cells_per_series.max(1);
        Judged { every: (columns * cells).div_ceil(self.max_judged_cells.max(1)), max_cells: cells }
    }
}

impl Judged {
    /// How many of the first `series` series are judged.
    pub(super) fn count(&self, series: u32) -> u64 {
        (series as usize).div_ceil(self.every) as u64
    }

    /// Whether a series is judged.
    pub(super) fn includes(&self, series: u32) -> bool {
        (series as usize).is_multiple_of(self.every)
    }
}
