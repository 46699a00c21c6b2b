//! Every kept statement again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;

use tidemill_fuzz_sql::{Ground, statement};

#[test]
fn every_kept_statement_is_handled() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ground = Ground::new().unwrap();
    let packed = std::fs::read(fuzz.join("corpus/sql.units")).unwrap();
    let mut rest = &packed[..];
    let mut natives = 0;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (unit, tail) = tail.split_at(u16::from_le_bytes(*length).into());
        natives += usize::from(ground.check(&statement(unit)).starts_with("Native"));
        rest = tail;
    }
    assert!(natives > 0, "no statement of the corpus has a native plan");
    for file in std::fs::read_dir(fuzz.join("regressions/sql")).into_iter().flatten() {
        let _ = ground.check(&statement(&std::fs::read(file.unwrap().path()).unwrap()));
    }
}
