//! Without SQL: rows written as typed columns, read back series by series, and the statistics
//! that the store keeps of them.
//!
//! `cargo run -p tidemill --no-default-features --example scan`

use tidemill::{Batch, FieldType, Options, Scan, SeriesKey, Store, TimeRange, Value};

const SECOND: i64 = 1_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Options::default())?;
    store.write(&mut readings()?)?;
    store.flush()?;

    // Two hours of one pump.
    let scan = Scan {
        range: TimeRange::new(0, 2 * 3600 * SECOND - 1),
        tags: vec![("pump".to_owned(), "p1".to_owned())],
        ..Scan::default()
    };
    for rows in store.scan("pumps", &scan)? {
        let rows = rows?;
        println!("{:?}: {} rows, first {:?}", rows.tags, rows.times.len(), rows.columns[0].get(0));
    }

    // What is stored about every thousand rows answers without reading them.
    let snapshot = store.snapshot();
    let table = snapshot.table("pumps").ok_or("no table")?;
    let mut reader = table.reader();
    let (mut pieces, mut statistics) = (Vec::new(), Vec::new());
    for series in 0..table.series_count() {
        reader.pieces(series, TimeRange::ALL, &mut pieces)?;
        for piece in &pieces {
            statistics.clear();
            reader.stored_aggregates(piece, 0, &mut statistics)?;
            for stored in &statistics {
                println!("series {series}, rows {:?}: {:?}", stored.rows, stored.aggregate);
            }
        }
    }
    store.close()?;
    Ok(())
}

/// A day of two pumps, every ten seconds.
fn readings() -> Result<Batch, Box<dyn std::error::Error>> {
    let mut batch = Batch::new();
    let index = batch.table("pumps");
    let table = &mut batch.tables_mut()[index];
    let pressure = table.column("pressure", FieldType::Float);
    let starts = table.column("starts", FieldType::Int);
    for pump in ["p1", "p2"] {
        let mut key = Vec::new();
        SeriesKey::encode(&mut [("pump", pump), ("site", "north")], &mut key)?;
        let series = table.series(&key);
        for row in 0..8640 {
            table.set(pressure, Value::Float(4.0 + (row % 60) as f64 / 100.0));
            table.set(starts, Value::Int(row / 360));
            table.end_row(series, Some(row * 10 * SECOND), 0);
        }
    }
    table.finish();
    Ok(batch)
}
