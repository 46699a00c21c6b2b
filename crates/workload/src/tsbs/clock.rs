/// Counts through epochs, tables and devices, the devices fastest.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    start_ns: i64,
    interval_ns: i64,
    epochs: u64,
    tables: usize,
    devices: usize,
    next: Tick,
}

/// A turn of one device to report to one table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    pub(super) epoch: u64,
    pub(super) table: usize,
    pub(super) device: usize,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub(super) time_ns: i64,
}

impl Clock {
    /// Epoch `e` is at `start_ns + e * interval_ns`, which must fit for all `epochs`.
    pub(super) fn new(
        start_ns: i64,
        interval_ns: i64,
        epochs: u64,
        tables: usize,
        devices: usize,
    ) -> Self {
        let next = Tick { epoch: 0, table: 0, device: 0, time_ns: start_ns };
        Self { start_ns, interval_ns, epochs, tables, devices, next }
    }

    pub(super) fn start_ns(&self) -> i64 {
        self.start_ns
    }

    pub(super) fn devices(&self) -> usize {
        self.devices
    }

    pub(super) fn is_finished(&self) -> bool {
        self.next.epoch >= self.epochs
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<Tick> {
        if self.is_finished() {
            return None;
        }
        let tick = self.next;
        self.next.device += 1;
        if self.next.device == self.devices {
            self.next.device = 0;
            self.next.table += 1;
        }
        if self.next.table == self.tables {
            self.next.table = 0;
            self.next.epoch += 1;
            // Past the last epoch the time may not fit, and is not used.
            self.next.time_ns = self.next.time_ns.wrapping_add(self.interval_ns);
        }
        Some(tick)
    }
}
