//! The files of a small store, one with a fuzzed content behind sound framing.

use super::damaged::{self, How, Place};
use super::frame::{self, Frame, Log, Segment};
use super::opened::check;
use super::sample::files;
use crate::input::Input;

/// What of a content to change: any bytes instead of it, or a few edits.
fn edited(input: &mut Input<'_>, original: &[u8]) -> Vec<u8> {
    let kind = input.u8();
    if kind == 0xFF {
        return input.take(usize::MAX).to_vec();
    }
    let mut bytes = original.to_vec();
    for _ in 0..=kind & 3 {
        let at = usize::from(input.u16()) % (bytes.len() + 1);
        let length = input.below(16);
        let end = (at + length).min(bytes.len());
        match input.below(8) {
            0 => bytes.insert(at, input.u8()),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, input.take(length).iter().copied())),
            3 => bytes.truncate(at),
            4 => bytes.extend_from_within(at..end),
            5 => {
                let mut number = Vec::new();
                frame::put(&mut number, input.word(0).into());
                drop(bytes.splice(at..(at + 1).min(bytes.len()), number));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= input.u8();
                }
            }
        }
    }
    bytes
}

/// The log's records, where its frames and marks say that they stand, and what it calls itself.
pub(crate) fn log(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = files().clone();
    let mut log = Log::read(&files.log.1);
    let choice = input.u8();
    if choice & 4 != 0 {
        log = log.into_version_1();
    }
    if choice & 0x78 == 0x78 {
        log.header = edited(&mut input, &log.header);
    }
    let frames = std::mem::take(&mut log.frames);
    let mut out = log.head();
    for _ in 0..input.below(6) {
        let kind = input.u8();
        let mut one: Frame = frames[usize::from(kind) % frames.len()].clone();
        match kind >> 5 {
            0 | 1 => {}
            2 | 3 => one.payload = edited(&mut input, &one.payload),
            4 => one.sequence = input.word(one.sequence),
            5 => one.synced = input.word(out.len() as u64),
            6 => one = Frame { sequence: 0, synced: out.len() as u64, payload: Vec::new() },
            _ => {
                out.extend_from_slice(input.take(usize::from(kind & 31)));
                continue;
            }
        }
        one.put(&mut out);
    }
    if choice & 2 != 0 {
        let cut = usize::from(input.u16()) % (out.len() + 1);
        out.truncate(cut);
    }
    // The marks say what is there, unless they are to say something else.
    for mark in &mut log.marks {
        mark.synced = mark.synced.min(out.len() as u64);
        match input.u8() >> 5 {
            1 => mark.synced = input.word(out.len() as u64),
            2 => mark.count = input.word(mark.count),
            3 => mark.is_closed ^= input.u8(),
            4 => mark.synced = out.len() as u64,
            _ => {}
        }
    }
    let head = log.head();
    let amended = out.len().min(head.len());
    out[..amended].copy_from_slice(&head[..amended]);
    files.log.1 = out.into();
    check(&files, choice);
}

/// A segment's footer and chunks.
pub(crate) fn segment(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = files().clone();
    let mut segment = Segment::read(&files.segment.1);
    let choice = input.u8();
    for _ in 0..=choice >> 1 & 1 {
        let index = input.below(segment.blocks.len());
        let block = &mut segment.blocks[index];
        let chunks = block.chunks.len();
        match input.below(2 + 2 * chunks) {
            0 => segment.head = edited(&mut input, &segment.head),
            1 => block.head = edited(&mut input, &block.head),
            chunk => {
                let chunk = &mut block.chunks[chunk % chunks];
                *chunk = edited(&mut input, chunk);
            }
        }
    }
    if choice & 0x1C == 0x1C {
        let again = segment.blocks[0].clone();
        segment.blocks.push(again);
    }
    files.segment.1 = segment.build().into();
    let body = frame::manifest_body(&files.manifest.1);
    let body = frame::recount(body, files.definition.1.len(), files.segment.1.len());
    files.manifest.1 = frame::manifest(&body).into();
    check(&files, choice);
}

/// The manifest's body.
pub(crate) fn manifest(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = files().clone();
    let choice = input.u8();
    let body = edited(&mut input, frame::manifest_body(&files.manifest.1));
    files.manifest.1 = frame::manifest(&body).into();
    check(&files, choice);
}

/// A definition's additions.
pub(crate) fn definition(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = files().clone();
    let choice = input.u8();
    let good = frame::additions(&files.definition.1);
    let mut additions = good.clone();
    for addition in &mut additions {
        *addition = edited(&mut input, addition);
    }
    for _ in 0..choice >> 1 & 3 {
        additions.push(edited(&mut input, &good[0]));
    }
    files.definition.1 = frame::definition(&additions).into();
    let body = frame::manifest_body(&files.manifest.1);
    let body = frame::recount(body, files.definition.1.len(), files.segment.1.len());
    files.manifest.1 = frame::manifest(&body).into();
    check(&files, choice);
}

/// Any of the files, edited without amending its checksums, or of any bytes.
pub(crate) fn any_file(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let place = Place::ALL[usize::from(choice >> 1 & 3)];
    let file = match place {
        Place::Manifest => &files().manifest,
        Place::Definition => &files().definition,
        Place::Segment => &files().segment,
        Place::Log => &files().log,
    };
    let how = How {
        is_read_only: choice & 1 != 0,
        is_checked: choice & 8 != 0,
        is_repaired: choice & 0x30 == 0x30,
    };
    damaged::check(place, edited(&mut input, &file.1), how);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::opened;

    #[test]
    fn the_sample_opens_and_in_version_1_too() {
        let good = files();
        let (rows, problems) = opened::answer_of(good);
        assert_eq!(problems, Vec::<String>::new());
        let log = Log::read(&good.log.1).into_version_1();
        let mut bytes = log.head();
        log.frames.iter().for_each(|frame| frame.put(&mut bytes));
        let mut old = good.clone();
        old.log.1 = bytes.into();
        assert_eq!(opened::answer_of(&old), (rows, problems));
        // What a checksum does not cover changes the answer or is a problem.
        let mut damaged = good.clone();
        let mut segment = Segment::read(&good.segment.1);
        segment.blocks[0].chunks[1][40] ^= 1;
        damaged.segment.1 = segment.build().into();
        assert_ne!(opened::answer_of(&damaged).0, rows);
    }

    #[test]
    fn a_series_that_has_no_successor_is_refused() {
        let mut files = files().clone();
        let mut segment = Segment::read(&files.segment.1);
        let mut number = Vec::new();
        frame::put(&mut number, u32::MAX.into());
        // The last run: series - previous, rows, first time, last - first.
        let head = &mut segment.head;
        let at = (0..head.len()).rev().find(|at| head[*at..].starts_with(&[1, 8])).unwrap();
        head.splice(at..=at, number);
        files.segment.1 = segment.build().into();
        let body = frame::manifest_body(&files.manifest.1);
        let body = frame::recount(body, files.definition.1.len(), files.segment.1.len());
        files.manifest.1 = frame::manifest(&body).into();
        let error = opened::error_of(&files);
        // Before that: the first run has series 0, so that the sum is the last of 32 bits.
        assert!(error.contains("series or fields its table lacks"), "{error}");
    }

    #[test]
    fn the_framing_is_that_of_the_store() {
        let files = files();
        let log = Log::read(&files.log.1);
        let mut bytes = log.head();
        log.frames.iter().for_each(|frame| frame.put(&mut bytes));
        assert_eq!(bytes, *files.log.1);
        assert_eq!(log.frames.len(), 3);
        assert!(log.marks.iter().any(|mark| mark.is_closed > 0));
        assert_eq!(Segment::read(&files.segment.1).build(), *files.segment.1);
        assert_eq!(frame::definition(&frame::additions(&files.definition.1)), *files.definition.1);
        let body = frame::manifest_body(&files.manifest.1);
        assert_eq!(frame::manifest(body), *files.manifest.1);
        assert_eq!(frame::recount(body, files.definition.1.len(), files.segment.1.len()), body);
    }
}
