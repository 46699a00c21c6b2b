use std::io::Read;

use tidemill_model::Duplicates;
use tidemill_parse::line::{LineOptions, LineReader};
use tidemill_store::{Options, Store};

use super::super::input::Source;
use super::super::{BadRow, ErrorKind, ImportOptions, Observer, TextPlan};
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
    run_with(source, chunk_bytes, &ImportOptions::default(), &mut ())
}

fn run_with(
    source: Source,
    chunk_bytes: usize,
    options: &ImportOptions,
    observer: &mut dyn Observer,
) -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let mut bulk = store.bulk(Duplicates::Last).unwrap();
    let mut sink = Sink::new(&mut bulk, observer, options, "x.lp", 0, false);
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

/// Stops an import by what it is told to do at the first bad row.
struct AtBadRow(fn(&ImportOptions) -> io::Result<()>, ImportOptions);

impl Observer for AtBadRow {
    fn bad_row(&mut self, _row: &BadRow<'_>) -> io::Result<()> {
        (self.0)(&self.1)
    }
}

/// What comes of it, which must not take long.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> thread::Result<T> {
    let (sender, done) = bounded(1);
    thread::spawn(move || sender.send(catch_unwind(AssertUnwindSafe(work))));
    done.recv_timeout(Duration::from_secs(60)).expect("it does not end")
}

#[test]
fn an_import_that_ends_early_leaves_no_thread_waiting() {
    // Far more texts behind what ends it than there are lanes.
    let text = |third: &'static [u8]| {
        let text = [b"cpu u=1 1\ncpu u=1 2\n", third, &b"cpu u=1 3\n".repeat(2000)].concat();
        &*text.leak()
    };
    let bad = text(b"cpu u=x 3\n");
    type AtBad = fn(&ImportOptions) -> io::Result<()>;
    let cancel: AtBad = |options| {
        options.cancel.store(true, Ordering::Relaxed);
        Ok(())
    };
    let full: AtBad = |_| Err(io::ErrorKind::StorageFull.into());
    for (is_strict, at_bad, kind) in [
        (true, (|_| Ok(())) as AtBad, ErrorKind::BadRow),
        (false, cancel, ErrorKind::Cancelled),
        (false, full, ErrorKind::Write),
    ] {
        for chunk_bytes in [10, 64] {
            let ended = soon(move || {
                let options = ImportOptions { is_strict, ..ImportOptions::default() };
                let mut observer = AtBadRow(at_bad, options.clone());
                run_with(Source::of(bad), chunk_bytes, &options, &mut observer)
            });
            assert_eq!(ended.unwrap().unwrap_err().kind(), kind);
        }
    }
    let observer_panics = soon(move || {
        let options = ImportOptions::default();
        let mut observer = AtBadRow(|_| panic!("on purpose"), options.clone());
        run_with(Source::of(bad), 10, &options, &mut observer)
    });
    assert!(observer_panics.is_err());
    for source in [Source::of(text(b"!\n")), Source::of(Panics(text(b"!\n")))] {
        let ended = soon(move || run(source, 10));
        assert_eq!(ended.unwrap().unwrap_err().kind(), ErrorKind::Read);
    }
}
