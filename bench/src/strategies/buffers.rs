use anyhow::Result;
use tidemill::{Column, Durability, Options, Scan, ScannedRows, Store, Values};

use super::{Bench, chunks};

/// Reading with fresh buffers, and with the same ones again.
///
/// # Errors
/// When the store cannot be made or read.
pub fn buffers(bench: &Bench<'_>, text: &[u8], rows: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let options = Options { durability: Durability::None, ..Options::default() };
    let store = Store::open(dir.path(), options)?;
    for chunk in chunks(text) {
        store.write_line_protocol(chunk)?;
    }
    store.flush()?;
    let scan = Scan::default();
    let fresh = || {
        let mut sum = 0;
        for rows in store.scan("cpu", &scan)? {
            sum += digest(&rows?.columns);
        }
        Ok(sum)
    };
    let mut rows_again = ScannedRows::default();
    let recycled = || {
        let (mut scanned, mut sum) = (store.scan("cpu", &scan)?, 0);
        while scanned.next_into(&mut rows_again)? {
            sum += digest(&rows_again.columns);
        }
        Ok(sum)
    };
    bench.compare(
        "All rows of a store, read",
        rows,
        &mut [
            ("into fresh buffers", Box::new(fresh)),
            ("into the same buffers again", Box::new(recycled)),
        ],
    )
}

fn digest(columns: &[Column]) -> i64 {
    let sum = |column: &Column| match column.values() {
        Values::Int(values) => tidemill_kernels::reduce::sum_i64(values) as i64,
        _ => 0,
    };
    columns.iter().map(sum).sum()
}
