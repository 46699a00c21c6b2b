//! The batch reader against the plain one: the same rows, errors and places, whatever was read
//! before and however the text is cut.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod line_support;

use line_support::{by_points, by_reader, forgetful, texts};
use proptest::prelude::*;
use tidemill_model::Batch;
use tidemill_parse::RowReader as _;
use tidemill_parse::line::{LineOptions, LineReader, MAX_TABLES};

fn check(text: &[u8], cuts: &[usize], max_remembered_bytes: usize) {
    let options = LineOptions { max_remembered_bytes, ..LineOptions::default() };
    let want = by_points(text, &options, &[]);
    assert_eq!(by_points(text, &options, cuts), want, "cut at {cuts:?}");
    let mut reader = LineReader::new(options);
    let mut batch = Batch::new();
    for cuts in [&[], cuts, &[]] {
        let got = by_reader(&mut reader, &mut batch, text, cuts);
        assert_eq!(got, want, "cut at {cuts:?}: {}", text.escape_ascii());
    }
    let got = by_reader(&mut forgetful(), &mut Batch::new(), text, cuts);
    assert_eq!(got, want, "taken apart: {}", text.escape_ascii());
    // What was remembered of one batch says nothing of another.
    let mut other = Batch::new();
    other.table("other");
    assert_eq!(by_reader(&mut reader, &mut other, text, cuts), want);
}

#[test]
fn a_batch_has_so_many_tables_and_no_more() {
    let text: String = (0..=MAX_TABLES).map(|table| format!("t{table} v=1 1\n")).collect();
    let (mut batch, mut errors) = (Batch::new(), Vec::new());
    let mut reader = LineReader::new(LineOptions::default());
    let mut at = 0;
    while at < text.len() {
        at += reader.read(&text.as_bytes()[at..], true, &mut batch, &mut errors).bytes;
    }
    assert_eq!((batch.tables().len(), errors.len()), (MAX_TABLES, 1));
    assert!(errors[0].reason.contains("more than 65536 tables"), "{}", errors[0].reason);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn both_readers_agree(
        text in texts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        max_remembered_bytes in prop_oneof![Just(1 << 20), 0usize..3000],
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        check(&text, &cuts, max_remembered_bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&text, &[text.len() / 2], 1 << 20);
    }

    #[test]
    fn any_bytes_of_the_grammar_are_read_or_refused(text in "[a1i=, \"\\\\\n\r#.-]{0,60}", cut in 0usize..60) {
        let text = text.as_bytes();
        check(text, &[cut.min(text.len())], 1 << 20);
    }
}
