//! Pools, slabs and rings.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};

use allocator_api2::alloc::Allocator;
use mimalloc::MiMalloc;
use tidemill_ground::{Strategy, Work, compare, random, size};
use tidemill_memory::{Pool, Pooled, RingBuffer, Slab};

const LIVE: usize = 1000;
const OBJECT: Layout = Layout::new::<Object>();
type Object = MaybeUninit<[u64; 32]>;

pub(crate) fn run() {
    let swaps = size(10_000, 100);
    let mut next = random(1);
    let order: Vec<usize> = (0..swaps).map(|_| next() as usize % LIVE).collect();
    one_for_one("pool: of 1,000 live objects of 256 bytes one is freed and one got", &order);
    let mut order: Vec<usize> = (0..LIVE).collect();
    for at in (1..LIVE).rev() {
        order.swap(at, next() as usize % (at + 1));
    }
    all_for_all("pool: 1,000 objects of 256 bytes got, freed in random order", &order);
    keyed("slab: 1,000 values inserted, removed in random order", &order);
    let mut next = random(2);
    let layouts: Vec<Layout> = (0..LIVE)
        .filter_map(|_| Layout::from_size_align(8 + next() as usize % 1016, 8).ok())
        .collect();
    sizes("slab: 1,000 blocks of 8 to 1,024 bytes, freed in random order", &layouts, &order);
    last("ring: the last 1,000 of a row of numbers", size(100_000, 2000) as u64);
}

/// Every strategy writes the first word of an object, and reads it before it frees it.
#[inline(always)]
fn make(pool: &Pool<Object>, n: u64) -> Pooled<'_, Object> {
    let mut object = pool.insert_with(Object::uninit);
    // SAFETY: the object's first word.
    unsafe { object.as_mut_ptr().cast::<u64>().write(n) };
    object
}

#[inline(always)]
fn word(object: &Object) -> u64 {
    // SAFETY: the first word, which `make` wrote.
    unsafe { object.as_ptr().cast::<u64>().read() }
}

fn one_for_one(case: &str, order: &[usize]) {
    let pool = Pool::<Object>::new();
    let mut live: Vec<_> = (0..LIVE).map(|_| Some(make(&pool, 0))).collect();
    let mut strategies: Vec<Strategy<'_>> = vec![(
        "tidemill",
        Box::new(|| {
            let mut sum = 0u64;
            for (n, &at) in order.iter().enumerate() {
                sum = sum.wrapping_add(live[at].take().map_or(0, |object| word(&object)));
                live[at] = Some(make(&pool, n as u64));
            }
            black_box(sum);
            0
        }),
    )];
    strategies.push(("mimalloc", Box::new(swapping(MiMalloc, order))));
    strategies.push(("malloc (glibc)", Box::new(swapping(System, order))));
    compare(case, Work::Items(order.len() as u64), &mut strategies);
}

/// Objects of an allocator, by hand.
struct Raw<G>(G);

impl<G: GlobalAlloc> Raw<G> {
    #[inline(always)]
    fn make(&self, n: u64) -> *mut u64 {
        // SAFETY: the layout has a size, and the block room for a word.
        unsafe {
            let block = self.0.alloc(OBJECT).cast::<u64>();
            block.write(n);
            block
        }
    }

    /// # Safety
    /// From `make`, and freed once.
    #[inline(always)]
    unsafe fn free(&self, block: *mut u64) -> u64 {
        // SAFETY: as the caller says.
        unsafe {
            let word = block.read();
            self.0.dealloc(block.cast(), OBJECT);
            word
        }
    }
}

fn swapping<G: GlobalAlloc>(allocator: G, order: &[usize]) -> impl FnMut() -> u64 {
    let raw = Raw(allocator);
    let mut live: Vec<*mut u64> = (0..LIVE).map(|_| raw.make(0)).collect();
    move || {
        let mut sum = 0u64;
        for (n, &at) in order.iter().enumerate() {
            // SAFETY: replaced in the same breath.
            sum = sum.wrapping_add(unsafe { raw.free(live[at]) });
            live[at] = raw.make(n as u64);
        }
        black_box(sum);
        0
    }
}

fn all_for_all(case: &str, order: &[usize]) {
    let pool = Pool::<Object>::new();
    let mut live: Vec<Option<Pooled<'_, Object>>> = (0..LIVE).map(|_| None).collect();
    let mut strategies: Vec<Strategy<'_>> = vec![(
        "tidemill",
        Box::new(|| {
            for (n, place) in live.iter_mut().enumerate() {
                *place = Some(make(&pool, n as u64));
            }
            order.iter().filter_map(|&at| live[at].take()).map(|object| word(&object)).sum()
        }),
    )];
    strategies.push(("mimalloc", Box::new(filling(MiMalloc, order))));
    strategies.push(("malloc (glibc)", Box::new(filling(System, order))));
    compare(case, Work::Items(LIVE as u64), &mut strategies);
}

fn filling<G: GlobalAlloc>(allocator: G, order: &[usize]) -> impl FnMut() -> u64 {
    let raw = Raw(allocator);
    let mut live: Vec<*mut u64> = vec![null_mut(); LIVE];
    move || {
        for (n, place) in live.iter_mut().enumerate() {
            *place = raw.make(n as u64);
        }
        // SAFETY: each was just made, and the order has each once.
        order.iter().map(|&at| unsafe { raw.free(live[at]) }).sum()
    }
}

/// By key, as the `slab` crate does, which keeps the values in one vector.
fn keyed(case: &str, order: &[usize]) {
    let pool = Pool::<[u64; 8]>::new();
    let mut live: Vec<Option<Pooled<'_, [u64; 8]>>> = (0..LIVE).map(|_| None).collect();
    let mut peer = slab::Slab::<[u64; 8]>::new();
    let mut keys = vec![0; LIVE];
    compare(
        case,
        Work::Items(LIVE as u64),
        &mut [
            (
                "tidemill Pool",
                Box::new(|| {
                    for (n, place) in live.iter_mut().enumerate() {
                        *place = Some(pool.insert([n as u64; 8]));
                    }
                    order.iter().filter_map(|&at| live[at].take()).map(|object| object[7]).sum()
                }),
            ),
            (
                "slab (keys)",
                Box::new(|| {
                    for (n, key) in keys.iter_mut().enumerate() {
                        *key = peer.insert([n as u64; 8]);
                    }
                    order.iter().map(|&at| peer.remove(keys[at])[7]).sum()
                }),
            ),
        ],
    );
}

fn sizes(case: &str, layouts: &[Layout], order: &[usize]) {
    let slab = Slab::new();
    compare(
        case,
        Work::Items(LIVE as u64),
        &mut [
            ("tidemill Slab", Box::new(blocks(InSlab(&slab), layouts, order))),
            ("mimalloc", Box::new(blocks(MiMalloc, layouts, order))),
            ("malloc (glibc)", Box::new(blocks(System, layouts, order))),
        ],
    );
}

/// A slab by the interface of the others.
struct InSlab<'a>(&'a Slab);

// SAFETY: the slab's blocks, or null.
unsafe impl GlobalAlloc for InSlab<'_> {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.try_alloc_layout(layout).map_or(null_mut(), |block| block.as_ptr())
    }

    #[inline(always)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises; no block is null.
        unsafe { self.0.deallocate(NonNull::new_unchecked(block), layout) };
    }
}

fn blocks<G: GlobalAlloc>(
    allocator: G,
    layouts: &[Layout],
    order: &[usize],
) -> impl FnMut() -> u64 {
    let mut live: Vec<*mut u64> = vec![null_mut(); LIVE];
    move || {
        for (n, (place, layout)) in live.iter_mut().zip(layouts).enumerate() {
            // SAFETY: the layout has room for a word.
            unsafe {
                *place = allocator.alloc(*layout).cast();
                place.write(n as u64);
            }
        }
        let free = |&at: &usize| {
            // SAFETY: just allocated with this layout, and freed once.
            unsafe {
                let word = live[at].read();
                allocator.dealloc(live[at].cast(), layouts[at]);
                word
            }
        };
        order.iter().map(free).sum()
    }
}

fn last(case: &str, count: u64) {
    let mut ring = RingBuffer::new(LIVE);
    let mut deque = VecDeque::with_capacity(LIVE);
    compare(
        case,
        Work::Items(count),
        &mut [
            (
                "tidemill RingBuffer",
                Box::new(move || {
                    for n in 0..count {
                        black_box(ring.push_overwrite(n));
                    }
                    ring.iter().sum()
                }),
            ),
            (
                "VecDeque",
                Box::new(move || {
                    for n in 0..count {
                        if deque.len() == LIVE {
                            black_box(deque.pop_front());
                        }
                        deque.push_back(n);
                    }
                    deque.iter().sum()
                }),
            ),
        ],
    );
}
