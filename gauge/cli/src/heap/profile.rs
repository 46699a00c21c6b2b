//! Sites with names.

use std::collections::HashMap;

use super::snapshot::{Site, Snapshot};
use super::symbols::{Frame, Symbols};

/// A run, with names.
#[derive(Debug)]
pub struct Profile {
    /// What was counted; its sites are in [`Self::sites`].
    pub snapshot: Snapshot,
    /// All places that a stack goes through.
    pub frames: Vec<Frame>,
    /// The stacks, most bytes at the peak first.
    pub sites: Vec<Named>,
}

/// A site with names.
#[derive(Debug)]
pub struct Named {
    /// What it did.
    pub counts: Site,
    /// Its stack, innermost first, without the allocator's own functions: indexes into [`Profile::frames`].
    pub stack: Vec<usize>,
    /// Of the stack, the place that is most likely meant: the innermost one that is not the language's library.
    pub place: Option<usize>,
}

/// What to put first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// Bytes live when the program's memory was at its peak
    Peak,
    /// Bytes live at the end
    Live,
    /// Bytes allocated
    Bytes,
    /// Blocks allocated and reallocated
    Allocations,
}

impl Order {
    /// The number that is ordered by.
    pub fn of(self, site: &Site) -> i64 {
        let unsigned = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        match self {
            Self::Peak => site.peak_bytes,
            Self::Live => site.live_bytes,
            Self::Bytes => unsigned(site.bytes),
            Self::Allocations => unsigned(site.allocations + site.reallocations),
        }
    }
}

impl Profile {
    /// Finds the names. `library`: the file that was preloaded, whose functions are left out.
    pub fn new(mut snapshot: Snapshot, library: &str) -> Self {
        let addresses = snapshot.sites.sites.iter().flat_map(|site| &site.addresses).copied();
        let symbols = Symbols::find(&snapshot.maps, addresses);
        let mut frames = Vec::new();
        let mut numbers: HashMap<Frame, usize> = HashMap::new();
        let mut sites = Vec::new();
        for counts in std::mem::take(&mut snapshot.sites.sites) {
            let mut stack = Vec::new();
            for &address in &counts.addresses {
                for frame in symbols.frames(address) {
                    if stack.is_empty() && (frame.object == library || is_allocator(frame)) {
                        continue;
                    }
                    let number = *numbers.entry(frame.clone()).or_insert_with(|| {
                        frames.push(frame.clone());
                        frames.len() - 1
                    });
                    stack.push(number);
                }
            }
            let place = stack.iter().find(|&&at| frames.get(at).is_some_and(|f| !is_library(f)));
            let place = place.or(stack.first()).copied();
            sites.push(Named { counts, stack, place });
        }
        let mut profile = Self { snapshot, frames, sites };
        profile.sort(Order::Peak);
        profile
    }

    /// Puts the sites into another order.
    pub fn sort(&mut self, order: Order) {
        self.sites
            .sort_by_key(|site| std::cmp::Reverse((order.of(&site.counts), site.counts.bytes)));
    }

    /// The places of the stacks, added up, in the same order; the number of stacks of each.
    pub fn places(&self, order: Order) -> Vec<(String, Site, usize)> {
        let mut sums: HashMap<String, (Site, usize)> = HashMap::new();
        for site in &self.sites {
            let (sum, stacks) = sums.entry(self.place_name(site)).or_default();
            add(sum, &site.counts);
            *stacks += 1;
        }
        let mut places: Vec<_> = sums.into_iter().map(|(name, (sum, n))| (name, sum, n)).collect();
        places.sort_by(|a, b| {
            (order.of(&b.1), b.1.bytes, &a.0).cmp(&(order.of(&a.1), a.1.bytes, &b.0))
        });
        places
    }

    /// The place of a site: `function (file:line)`.
    pub fn place_name(&self, site: &Named) -> String {
        let frame = site.place.and_then(|place| self.frames.get(place));
        frame.map_or_else(|| "(not known: allocated while a stack was looked at)".to_owned(), name)
    }

    /// The stack of a site, innermost first: `function (file:line)`.
    pub fn stack_names<'a>(&'a self, site: &'a Named) -> impl Iterator<Item = String> + 'a {
        site.stack.iter().filter_map(|&at| self.frames.get(at)).map(name)
    }
}

fn add(sum: &mut Site, site: &Site) {
    sum.allocations += site.allocations;
    sum.reallocations += site.reallocations;
    sum.bytes += site.bytes;
    sum.live_blocks += site.live_blocks;
    sum.live_bytes += site.live_bytes;
    sum.peak_blocks += site.peak_blocks;
    sum.peak_bytes += site.peak_bytes;
    sum.max_blocks += site.max_blocks;
    sum.max_bytes += site.max_bytes;
    sum.lifetime += site.lifetime;
    sum.lifetimes.resize(site.lifetimes.len().max(sum.lifetimes.len()), 0);
    for (sum, count) in sum.lifetimes.iter_mut().zip(&site.lifetimes) {
        *sum += count;
    }
}

/// `function (file:line)`; without names, the address in its file.
pub fn name(frame: &Frame) -> String {
    let mut text = frame.function.clone().unwrap_or_else(|| {
        let file = frame.object.rsplit('/').next().unwrap_or_default();
        format!("{:#x} in {}", frame.address, if file.is_empty() { "?" } else { file })
    });
    if let (Some(file), Some(line)) = (&frame.file, frame.line) {
        text.push_str(&format!(" ({}:{line})", short(file)));
    }
    text
}

/// The last three parts of a path.
fn short(path: &str) -> &str {
    let cut = path.rmatch_indices('/').nth(2).map_or(0, |(at, _)| at + 1);
    path.get(cut..).unwrap_or(path)
}

/// The functions between a program and its allocator.
fn is_allocator(frame: &Frame) -> bool {
    let name = frame.function.as_deref().unwrap_or_default();
    let starts = ["__rust_", "__rdl_", "__rustc::", "_Zn", "_R", "operator new", "alloc::alloc::"];
    starts.iter().any(|start| name.starts_with(start))
        || name.contains("alloc::alloc::Global")
        || name.contains(" as core::alloc::global::GlobalAlloc>")
        || ["malloc", "calloc", "realloc", "strdup", "__strdup"].contains(&name)
}

/// The libraries of Rust and C++: where a program's own code starts is what people look for.
fn is_library(frame: &Frame) -> bool {
    if frame
        .file
        .as_deref()
        .is_some_and(|f| f.starts_with("/rustc/") || f.contains("/rustlib/src/"))
    {
        return true;
    }
    let Some(name) = frame.function.as_deref() else { return false };
    let roots = ["std::", "core::", "alloc::", "hashbrown::"];
    let is_of = |path: &str| roots.iter().any(|root| path.starts_with(root));
    let Some(implementation) = name.strip_prefix('<') else { return is_of(name) };
    let (of, by) = implementation.split_once(" as ").unwrap_or((implementation, ""));
    let of = of.trim_start_matches(['&', '*', '[', '(', '<']);
    let of = of.trim_start_matches("mut ").trim_start_matches("const ");
    // A trait of the library for a type without a path: a primitive one, or a parameter.
    let is_plain = !of.split('<').next().unwrap_or_default().contains("::");
    is_of(of) || is_plain && is_of(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str) -> Frame {
        let function = Some(function.to_owned());
        Frame { address: 1, function, file: None, line: None, object: String::new() }
    }

    #[test]
    fn the_programs_own_code_is_told_from_libraries() {
        for name in [
            "alloc::raw_vec::RawVecInner::finish_grow",
            "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
            "<str as alloc::borrow::ToOwned>::to_owned",
            "<T as alloc::string::ToString>::to_string",
            "<&mut alloc::vec::Vec<u8> as std::io::Write>::write",
            "std::collections::hash::map::HashMap<K,V,S>::insert",
        ] {
            assert!(is_library(&frame(name)), "{name}");
        }
        for name in [
            "program::main",
            "<program::Thing as core::clone::Clone>::clone",
            "<program::Thing<alloc::string::String>>::new",
            "standard::run",
            "main",
        ] {
            assert!(!is_library(&frame(name)), "{name}");
        }
        let mut inlined = frame("program::f");
        inlined.file = Some("/rustc/abc/library/alloc/src/vec/mod.rs".to_owned());
        assert!(is_library(&inlined));
        for name in ["__rust_alloc", "alloc::alloc::alloc", "malloc", "__rustc::__rdl_alloc"]
            .into_iter()
            .chain(["<program::Counted<A> as core::alloc::global::GlobalAlloc>::realloc"])
        {
            assert!(is_allocator(&frame(name)), "{name}");
        }
        assert!(!is_allocator(&frame("program::malloc_less")));
    }

    #[test]
    fn names() {
        let mut place = frame("program::main");
        assert_eq!(name(&place), "program::main");
        (place.file, place.line) = (Some("/a/folder/of/program/src/main.rs".to_owned()), Some(7));
        assert_eq!(name(&place), "program::main (program/src/main.rs:7)");
        let unknown =
            Frame { function: None, file: None, object: "/lib/libx.so".to_owned(), ..place };
        assert_eq!(name(&unknown), "0x1 in libx.so");
    }
}
