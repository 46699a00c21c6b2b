use std::io::Read;

use tidemill_model::Duplicates;
use tidemill_parse::line::{LineOptions, LineReader};
use tidemill_store::{Options, Store};

use super::super::input::Source;
use super::super::{ErrorKind, ImportOptions, TextPlan};
use super::*;

/// Panics where there is an `!`.
struct Panics<R>(R);

impl RowReader for Panics<LineReader> {
    fn read(
        &mut self,
        chunk: &[u8],
        is_last: bool,
        batch: &mut Batch,
        errors: &mut Vec<RowError>,
    ) -> Taken {
        assert!(!chunk.contains(&b'!'), "on purpose");
        self.0.read(chunk, is_last, batch, errors)
    }
}

impl Read for Panics<&'static [u8]> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.0.first() != Some(&b'!'), "on purpose");
        let length = self.0.iter().position(|byte| *byte == b'!').unwrap_or(self.0.len());
        self.0.split_at(length).0.read(buffer).inspect(|read| self.0 = &self.0[*read..])
    }
}

fn run(source: Source, chunk_bytes: usize) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let options = ImportOptions::default();
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let mut nobody = ();
    let mut sink = Sink::new(&mut bulk, &mut nobody, &options, "x.lp", 0, false);
    let plan = TextPlan::Lines(LineOptions::default());
    let pipeline = Pipeline {
        make_reader: &|_| Box::new(Panics(LineReader::new(LineOptions::default()))),
        read_bytes: Arc::default(),
        is_over: Arc::default(),
        commit_every: None,
        since: Instant::now(),
    };
    let mut chunker = Chunker::new(source, chunk_bytes, 1 << 20);
    let start = chunker.next(Vec::new()).unwrap().unwrap();
    pipeline.run(chunker, start, Carry::new(&plan, 1 << 20), &mut sink)
}

#[test]
fn a_thread_that_panics_ends_the_import() {
    const GOOD: &[u8] = b"cpu u=1 1\ncpu u=1 2\ncpu u=1 3\ncpu u=1 4\ncpu u=1 5\n";
    const BAD: &[u8] = b"cpu u=1 1\ncpu u=1 2\ncpu u=1 3\n!\ncpu u=1 5\n";
    assert!(run(Source::of(GOOD), 10).is_ok());
    assert!(run(Source::of(Panics(GOOD)), 10).is_ok());
    for source in [Source::of(BAD), Source::of(Panics(BAD))] {
        let error = run(source, 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Read);
        assert!(error.to_string().starts_with("x.lp: a thread that read it"), "{error}");
    }
}
