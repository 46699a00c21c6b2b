//! The batch reader against the plain one: the same rows, errors and places, whatever was read
//! before and however the text is cut.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod line_support;

use std::sync::Arc;

use line_support::{Outcome, Stored, by_points, by_reader, by_sharing, forgetful, texts};
use proptest::prelude::*;
use tidemill_model::{Batch, TableBatch};
use tidemill_parse::RowReader as _;
use tidemill_parse::line::{LineOptions, LineReader, MAX_TABLES, SharedSeries};

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
    check_shared(text, cuts, max_remembered_bytes, &want);
    // What was remembered of one batch says nothing of another.
    let mut other = Batch::new();
    other.table("other");
    assert_eq!(by_reader(&mut reader, &mut other, text, cuts), want);
}

fn check_shared(text: &[u8], cuts: &[usize], max_bytes: usize, want: &Outcome) {
    // Some texts of series are packed, then all.
    for shared in [SharedSeries::new(max_bytes), SharedSeries::with_plain(max_bytes, 0)] {
        let shared = Arc::new(shared);
        let lane = || (LineReader::sharing(LineOptions::default(), &shared), Batch::new());
        let (mut lanes, mut stored) = ([lane(), lane(), lane()], Stored::default());
        // Another order of tables.
        lanes[1].1.table("other");
        for cuts in [cuts, &[text.len() / 3, text.len() / 2], &[]] {
            let got = by_sharing(&mut lanes, &mut stored, text, cuts);
            assert_eq!(&got, want, "shared, cut at {cuts:?}: {}", text.escape_ascii());
        }
    }
}

/// A number of one row is looked for at a fixed place of what follows, which may not be within a long name.
#[test]
fn numbers_in_long_names_are_no_values() {
    for len in 28..100usize {
        for place in [0, len.saturating_sub(64), len.saturating_sub(63), len - 3] {
            let mut name = vec![b'z'; len];
            name[place..place + 2].copy_from_slice(b"7i");
            let name = String::from_utf8(name).unwrap();
            for (first, second) in [("5i", "3i"), ("-5i", "13i"), ("1.5", "2"), ("9", "-4.25")] {
                let text =
                    format!("m {name}={first} 1\nm {name}={second} 2\nm {name}={second},b=1 3\n");
                check(&[text.as_bytes(), &[b'#'; 100], b"\n"].concat(), &[], 1 << 20);
            }
        }
    }
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

#[test]
fn a_string_may_be_cut_anywhere() {
    let text = b"m s=\"one\ntwo\\\" \\\\\" 1\n";
    (0..=text.len()).for_each(|cut| check(text, &[cut], 1 << 20));
}

/// A field that was an integer so far, and then is none.
#[test]
fn what_only_begins_like_the_last_row_is_read_anew() {
    check(b"m v=1i 1\nm v=2i 2\nm v=3u 3\nm v=4x 4\nm v=5ii 5\nm v=6 6\nm v=7i 7\n", &[], 1 << 20);
    check(b"m v=1.5 1\nm v=2.5 2\nm v=3.5e1 3\nm v=4.5x 4\nm v=5i 5\nm v=6.5 6\n", &[], 1 << 20);
}

/// Rows of a few series and tables, each with some of the fields, in an order of its own, some twice.
fn changing_rows(rows: usize) -> String {
    let long = "a_name_that_is_longer_than_what_is_compared_at_once";
    let values = ["-17i", "123456789012i", "7u", "-0.25", "1e3", "0.1234567890123", "t", "false"];
    let mut random = 5u64;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % bound
    };
    let mut text = String::new();
    for row in 0..rows {
        text += &format!("m{},host=h{} ", below(2), below(5));
        // Long stretches of rows are alike.
        let (first, step) = if row / 40 % 2 == 0 { (0, 1) } else { (below(9), 1 + below(9)) };
        let fields: Vec<String> = (0..1 + below(9))
            .map(|index| (first + index * step) % 9)
            .map(|field| match values.get(field) {
                Some(value) if field == 3 => format!("{long}={value}"),
                Some(value) => format!("f{field}={value}"),
                None => format!("f{field}=\"text {row}\""),
            })
            .collect();
        text += &format!("{} {}\n", fields.join(","), 1_700_000_000_000_000_000 + row / 3);
        if below(50) == 0 {
            text += "m0,host=h0 f0=1x 5\nm1,host=h1 f0=2.5 6\n";
        }
    }
    text
}

#[test]
fn fields_may_be_missing_and_change_their_order() {
    let text = changing_rows(1000);
    check(text.as_bytes(), &[text.len() / 3, text.len() / 2], 1 << 20);
    check(text.as_bytes(), &[], 3000);
}

/// A table that has all the columns it may have takes rows of these.
#[test]
fn a_full_table_takes_more_rows() {
    let field = |index: usize| format!("f{index}=1");
    let all: Vec<String> = (0..4096).map(field).collect();
    let text = format!("m {} 1\nm f7=2,f4095=3 2\nm f7=2,new=3 3\n", all.join(","));
    for mut reader in [LineReader::new(LineOptions::default()), forgetful()] {
        let (mut batch, mut errors) = (Batch::new(), Vec::new());
        let taken = reader.read(text.as_bytes(), true, &mut batch, &mut errors);
        assert_eq!(taken.bytes, text.len());
        let reasons: Vec<_> = errors.iter().map(|error| &error.reason).collect();
        assert_eq!((batch.tables()[0].rows(), errors.len()), (2, 1), "{reasons:?}");
    }
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

/// A tag behind a known key is no field.
#[test]
fn a_known_key_ends_in_a_space() {
    let text =
        b"m,host=a u=1 1\nm,host=a u=1 2\nm,host=a,u=1 3\nm,host=a u=1 4\nm,host=a\\ u=1 5\n";
    check(text, &[], 1 << 20);
    check(&[&text[..], &[b'#'; 100], b"\n"].concat(), &[30], 1 << 20);
}

/// What one reader has learned another knows, as far as the store took it and memory lasts.
#[test]
fn what_a_store_took_all_readers_know() {
    let line = |host: usize, time: usize| format!("cpu,host={host} u={time}i {time}\n");
    let known = |max_bytes: usize| {
        let shared = Arc::new(SharedSeries::new(max_bytes));
        let lane = || (LineReader::sharing(LineOptions::default(), &shared), Batch::new());
        let (mut first, mut second) = (lane(), lane());
        let read = |(reader, batch): &mut (LineReader, Batch), time: usize| {
            let text: String = (0..100).map(|host| line(host, time)).collect();
            let taken = reader.read(text.as_bytes(), true, batch, &mut Vec::new());
            assert_eq!((taken.bytes, batch.rows()), (text.len(), 100));
        };
        read(&mut first, 1);
        first.0.share(&mut first.1, &|_, number| (number != 7).then_some(1000 + number));
        assert_eq!(first.1.rows(), 0);
        let seen = [&mut first, &mut second].map(|lane| {
            read(lane, 2);
            let series = lane.1.tables()[0].row_series();
            assert!(series.iter().enumerate().all(|(host, series)| {
                series & TableBatch::STORED == 0
                    || *series == (1000 + host as u32) | TableBatch::STORED
            }));
            series.iter().filter(|series| *series & TableBatch::STORED != 0).count()
        });
        // The second reader's first row is taken apart in any case: it brings the names of fields.
        assert!(seen[0] - seen[1] <= 1, "{seen:?}");
        seen[0]
    };
    assert_eq!(known(1 << 20), 99);
    assert!((1..90).contains(&known(2000)), "{}", known(2000));
    assert_eq!(known(0), 0);
}

/// The key texts of very many series do not fit as they are; packed they do, and mean the same.
#[test]
fn readers_know_more_series_than_their_texts_would_fit() {
    const SERIES: usize = 20_000;
    let key = |host: usize| {
        format!(
            "cpu,hostname=host_{host},region=eu-central-{},datacenter=eu-central-1{},rack={},os=Ubuntu16.10,\
             arch=x86,team=NYC,service={},service_version=0,service_environment=production",
            host % 3,
            host % 5,
            host % 97,
            host % 19
        )
    };
    let texts: usize = (0..SERIES).map(|host| key(host).len()).sum();
    let max_bytes = 2 << 20;
    assert!(texts > max_bytes * 4 / 3, "{texts}");
    let shared = Arc::new(SharedSeries::new(max_bytes));
    let lane = || (LineReader::sharing(LineOptions::default(), &shared), Batch::new());
    let mut lanes = [lane(), lane()];
    let read = |(reader, batch): &mut (LineReader, Batch),
                hosts: &mut dyn Iterator<Item = usize>| {
        let text: Vec<u8> =
            hosts.flat_map(|host| format!("{} u=1i 5\n", key(host)).into_bytes()).collect();
        batch.clear_rows();
        let taken = reader.read(&text, true, batch, &mut Vec::new());
        assert_eq!(taken.bytes, text.len());
        batch.tables()[0].row_series().to_vec()
    };
    for (round, lane) in lanes.iter_mut().enumerate() {
        // A part at a time, as chunks come.
        for start in (0..SERIES).step_by(1000) {
            let series = read(lane, &mut (start..start + 1000));
            let is_stored = |series: &u32| series & TableBatch::STORED != 0;
            let stored = series.iter().filter(|series| is_stored(series)).count();
            // In the first round none is known, but for the text that brings the names of fields.
            assert_eq!(stored, if round == 0 { 0 } else { 1000 - usize::from(start == 0) });
            let (reader, batch) = &mut *lane;
            reader.share(batch, &|_, number| Some((start as u32) + number));
        }
    }
    // In any order, on either side.
    for (lane, step) in lanes.iter_mut().zip([7919, 104_729]) {
        let hosts: Vec<usize> = (0..SERIES).map(|host| host * step % SERIES).collect();
        let series = read(lane, &mut hosts.iter().copied());
        for (host, series) in hosts.iter().zip(series) {
            assert_eq!(series, *host as u32 | TableBatch::STORED);
        }
    }
    // A piece of a text and a text that goes on are other series.
    let (reader, batch) = &mut lanes[1];
    for text in
        ["cpu,hostname=host_5 u=1i 5\n", "cpu,hostname=host_5,region=eu-central-2,x=y u=1i 5\n"]
    {
        batch.clear_rows();
        let taken = reader.read(text.as_bytes(), true, batch, &mut Vec::new());
        assert_eq!(taken.bytes, text.len());
        for table in batch.tables() {
            assert!(table.row_series().iter().all(|series| series & TableBatch::STORED == 0));
        }
    }
}
