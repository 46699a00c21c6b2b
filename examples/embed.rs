//! A store inside a program: open it, write to it, ask it.
//!
//! `cargo run --profile quick -p tidemill --example embed`

use tidemill::{Options, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Options::default())?;

    // Line protocol: table, tags, fields, time in nanoseconds. When this returns, the rows are
    // on the disk.
    let written = store.write_line_protocol(
        b"weather,city=Oslo temperature=-3.5,humidity=71i 1767225600000000000\n\
          weather,city=Rome temperature=11.25,humidity=64i 1767225600000000000\n\
          weather,city=Oslo temperature=-4.0,humidity=73i 1767229200000000000\n\
          weather,city=Rome temperature= 1767229200000000000\n",
    )?;
    println!("{} rows are in", written.rows);
    for bad in written.bad_lines {
        println!("line {}, column {}: {}", bad.line, bad.column, bad.reason);
    }

    // Answers are Arrow record batches; tags are columns as any other.
    let answer = store.sql(
        "SELECT city, avg(temperature) AS mean, count(*) AS readings \
         FROM weather GROUP BY city ORDER BY city",
    )?;
    for batch in answer.batches() {
        println!("{batch:?}");
    }
    store.close()?;
    Ok(())
}
