//! What the reader of CSV has short ways for, against the slow reader: series in turn, stretches of
//! numbers, numbers between tags that stay or change, times that repeat; and damage to all of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod tabular_support;

use proptest::prelude::*;
use tabular_support::{Row, options, read_pieces, row_of};
use tidemill_kernels::Isa;
use tidemill_model::Batch;
use tidemill_parse::RowError;
use tidemill_parse::csv::{points, survey};
use tidemill_parse::tabular::Plan;

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Time,
    Tag,
    Int,
    UInt,
    Float,
    Bool,
    Text,
    Empty,
}

use Kind::{Bool, Empty, Float, Int, Tag, Text, Time, UInt};

/// A file: its columns, its series in turn, and how often something is otherwise than usual.
#[derive(Clone, Debug)]
struct File {
    kinds: Vec<Kind>,
    seed: u64,
    rows: usize,
    series: u64,
    /// Rows of one moment.
    moment: usize,
    /// Of a hundred cells.
    odd: u64,
    newline: &'static str,
    delimiter: u8,
}

/// Pseudo-random numbers (SplitMix64, Steele, Lea, Flood 2014).
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

const ODD: [&str; 22] = [
    "",
    "-7",
    "+7",
    "007",
    "12345678",
    "123456789",
    "1234567890123456",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    " 5 ",
    "1.5",
    "-0.0",
    "2e3",
    "nan",
    "x",
    "true",
    "\"12\"",
    "\"a\"\"b\"",
    "\"two\nlines\"",
    "\"\"",
    "a b",
];

impl File {
    fn plan(&self) -> Plan {
        let (mut names, mut cells, mut tags) = (Vec::new(), Vec::new(), Vec::new());
        for (index, kind) in self.kinds.iter().enumerate() {
            let name = if *kind == Time { "time".to_owned() } else { format!("c{index}") };
            if *kind == Tag {
                tags.push(name.clone());
            }
            names.push(name);
            cells.push(match kind {
                Time => "5",
                Tag | Text => "x",
                Int => "1",
                UInt => "18446744073709551615",
                Float => "1.5",
                Bool => "true",
                Empty => "",
            });
        }
        let delimiter = char::from(self.delimiter).to_string();
        let sample = format!("{}\n{}\n", names.join(&delimiter), cells.join(&delimiter));
        let tags: Vec<&str> = tags.iter().map(|name| &**name).collect();
        survey(sample.as_bytes(), true, &options(None, Some(&tags))).unwrap()
    }

    fn text(&self) -> Vec<u8> {
        let mut random = random(self.seed);
        let last_tag = self.kinds.iter().rposition(|kind| *kind == Tag).unwrap_or(0);
        let mut text = Vec::new();
        for row in 0..self.rows {
            let series = if random(100) < self.odd { random(9) } else { row as u64 % self.series };
            for (index, kind) in self.kinds.iter().enumerate() {
                if index > 0 {
                    text.push(self.delimiter);
                }
                // What is between the tags of a series mostly stays.
                let stays = index < last_tag && random(100) >= self.odd;
                let any = if stays { series * 31 + index as u64 } else { random(1 << 40) };
                let cell = match kind {
                    _ if random(100) < self.odd => {
                        ODD[random(ODD.len() as u64) as usize].to_owned()
                    }
                    Time => (1_700_000_000 + row / self.moment).to_string(),
                    Tag => format!("{}_{series}", "tag".repeat(index % 5)),
                    // What is missing may stay so, too.
                    Int | UInt | Float | Bool if stays && any % 4 == 0 => String::new(),
                    Int => (any % 10u64.pow(any as u32 % 9)).to_string(),
                    UInt => any.to_string(),
                    Float => (any as f64 / 64.0).to_string(),
                    Bool => (any % 2 == 0).to_string(),
                    Text => format!("text {any}"),
                    Empty => String::new(),
                };
                text.extend(cell.bytes());
            }
            text.extend(self.newline.bytes());
        }
        text
    }
}

fn file() -> impl Strategy<Value = File> {
    let ints = prop::collection::vec(prop_oneof![9 => Just(Int), 1 => Just(UInt)], 0..20);
    let rest = prop::collection::vec(
        prop::sample::select(&[Tag, Tag, Tag, Int, Float, UInt, Bool, Text, Empty]),
        0..7,
    );
    // Tags and what describes them, then numbers; the time anywhere, mostly first.
    let kinds = (rest, ints, prop_oneof![3 => Just(0), 1 => 0usize..30]);
    let kinds = kinds.prop_map(|(rest, ints, time)| {
        let mut kinds = [rest, ints].concat();
        kinds.insert(time.min(kinds.len()), Time);
        // A file of one column has no delimiter.
        kinds.push(Int);
        kinds
    });
    let newline = prop::sample::select(&["\n", "\n", "\n", "\r\n"]);
    let delimiter = prop::sample::select(b",,,;\t|");
    let size =
        (0usize..150, 1u64..9, 1usize..20, prop_oneof![2 => Just(0), 2 => 0u64..4, 1 => 0u64..30]);
    (kinds, any::<u64>(), size, newline, delimiter).prop_map(
        |(kinds, seed, (rows, series, moment, odd), newline, delimiter)| File {
            kinds,
            seed,
            rows,
            series,
            moment,
            odd,
            newline,
            delimiter,
        },
    )
}

fn read_slowly(text: &[u8], plan: &Plan) -> (Vec<Row>, Vec<RowError>) {
    let mut found = points(text, false, true, plan);
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    while let Some(item) = found.next() {
        match item {
            Ok(point) => rows.push(row_of(&point, found.row_start())),
            Err(error) => errors.push(error),
        }
    }
    (rows, errors)
}

fn check(text: &[u8], plan: &Plan, cuts: &[usize]) -> Result<(), TestCaseError> {
    let want = read_slowly(text, plan);
    // In whatever order tests of this process choose: all levels give the same.
    for isa in Isa::available() {
        isa.force().unwrap();
        let (mut reader, mut batch) = (plan.reader(false), Batch::new());
        for cuts in [&[][..], cuts, &[]] {
            let got = read_pieces(&mut *reader, &mut batch, text, cuts);
            prop_assert_eq!(&got, &want, "{:?}", isa);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reads_what_the_slow_reader_reads(
        file in file(),
        edits in prop::collection::vec((any::<usize>(), 0u8..3, any::<prop::sample::Index>()), 0..5),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let (plan, mut text) = (file.plan(), file.text());
        for (place, how, byte) in edits {
            let byte = b",;\"\n\r 1-.9x\xff"[byte.index(12)];
            let place = place % (text.len() + 1);
            match how {
                0 if place < text.len() => text[place] = byte,
                1 if place < text.len() => { text.remove(place); }
                _ => text.insert(place, byte),
            }
        }
        check(&text, &plan, &cuts)?;
    }
}

/// Every byte of a row is changed, the row before it being as usual.
#[test]
fn no_byte_is_taken_for_granted() {
    let kinds = vec![Time, Tag, Int, Tag, Tag, Int, Int, Tag, Int, Int, Int, Int, Int, Float];
    let file = File {
        kinds,
        seed: 7,
        rows: 12,
        series: 2,
        moment: 4,
        odd: 0,
        newline: "\n",
        delimiter: b',',
    };
    let (plan, text) = (file.plan(), file.text());
    let start = text.split_inclusive(|byte| *byte == b'\n').take(8).map(<[u8]>::len).sum::<usize>();
    for place in start..text.len() {
        for byte in *b",\"\n\r 07x-." {
            let mut text = text.clone();
            text[place] = byte;
            check(&text, &plan, &[]).unwrap();
        }
    }
}

/// What was seen of the series of one batch means nothing where another one has them in another order.
#[test]
fn another_batch_has_other_series() {
    let kinds = vec![Time, Tag, Int, Tag, Int];
    let file = File {
        kinds,
        seed: 1,
        rows: 20,
        series: 2,
        moment: 4,
        odd: 0,
        newline: "\n",
        delimiter: b',',
    };
    let (plan, text) = (file.plan(), file.text());
    let mut reader = plan.reader(false);
    let from_second = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for text in [&text, &text[from_second..], &text] {
        let want = read_slowly(text, &plan);
        let mut batch = Batch::new();
        for _ in 0..2 {
            assert_eq!(read_pieces(&mut *reader, &mut batch, text, &[]), want);
        }
    }
}

/// A carriage return before that of the line's end is a part of the last cell, which is another then.
#[test]
fn carriage_returns_belong_to_cells_but_for_the_last() {
    for kinds in [vec![Time, Int, Tag], vec![Time, Tag, Int, Tag]] {
        let (seed, rows, series, moment, odd) = (3, 16, 1, 4, 0);
        let (newline, delimiter) = ("\n", b',');
        let file = File { kinds, seed, rows, series, moment, odd, newline, delimiter };
        let (plan, text) = (file.plan(), file.text());
        for ends in [["\r\r\n", "\r\n"], ["\r\n", "\r\r\n"], ["\n", "\r\n"], ["\r\r\n", "\n"]] {
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let ended = lines.enumerate().flat_map(|(row, line)| {
                let end = if row == 0 { "\n" } else { ends[row / 3 % 2] };
                [line, end.as_bytes()].concat()
            });
            check(&ended.collect::<Vec<u8>>(), &plan, &[]).unwrap();
        }
    }
}
