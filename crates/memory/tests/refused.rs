//! Every request for memory refused in turn: an error, and everything as it was. No harness: its threads would allocate
//! meanwhile.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "common/refused.rs"]
mod refused;

use std::alloc::{Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;

use allocator_api2::alloc::Global;
use allocator_api2::vec::Vec as VecIn;
use gauge_probe::{Counters, Failing, Observed, Refuse, Refusing};
use refused::{attempt, each_refusal};
use tidemill_memory::{
    AlignedVec, Arena, Budget, DropArena, Pool, Recycle, Recycler, Region, RingBuffer, Slab,
    ThreadLocalPool, spsc,
};

#[global_allocator]
static ALLOCATOR: Observed<Failing<System>, Counters> =
    Observed::with(Failing::new(System), Counters);

fn main() {
    each_refusal("Arena", 40, arena);
    each_refusal("DropArena", 12, drop_arena);
    each_refusal("Pool", 20, pool);
    each_refusal("Slab", 40, slab);
    each_refusal("AlignedVec", 30, aligned);
    each_refusal("RingBuffer", 2, ring);
    each_refusal("spsc", 5, queue);
    each_refusal("Recycler", 8, recycler);
    each_refusal("ThreadLocalPool", 20, |gate| in_a_thread(gate, thread_local));
    each_refusal("Budget", 2, budget);
    a_region_asks_for_nothing();
}

fn arena(gate: &mut Refusing) {
    let mut arena = Arena::new();
    for round in 0..2 {
        // What is in it, and what should be.
        let mut held: Vec<(&[u64], Vec<u64>)> = Vec::new();
        for step in 0..60u64 {
            // Up to 4 KiB, and once more than a huge page.
            let len = if step == 40 { 300_000 } else { (step * 37 % 500) as usize };
            let wanted: Vec<u64> = (0..len as u64).map(|at| at ^ step).collect();
            let made = attempt(
                gate,
                &mut &arena,
                |arena| match step % 4 {
                    0 => arena.try_alloc_slice_copy(&wanted),
                    1 => arena.try_alloc_slice_clone(&wanted),
                    2 => arena.try_alloc_slice_from_iter(wanted.iter().copied().filter(|_| true)),
                    _ => arena.try_alloc_slice_fill_with(len, |at| at as u64 ^ step),
                },
                |_| held.iter().for_each(|(there, wanted)| assert_eq!(there, wanted)),
            );
            if let Some(made) = made {
                held.push((made, wanted));
            }
            if let Ok(one) = gate.run(|| arena.try_alloc(step)) {
                held.push((std::slice::from_ref(one), vec![step]));
            }
        }
        let text = gate.run(|| arena.scope(|inner| inner.try_alloc_str("within").is_ok()));
        assert!(text || gate.refused() > 0);
        held.iter().for_each(|(there, wanted)| assert_eq!(there, wanted, "round {round}"));
        drop(held);
        arena.reset();
        assert_eq!(arena.used_bytes(), 0);
    }
    assert_eq!(arena.alloc_str("still there"), "still there");
}

fn drop_arena(gate: &mut Refusing) {
    struct Dropped<'a>(&'a Cell<usize>, u64);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let (drops, made) = (Cell::new(0), Cell::new(0));
    let arena = DropArena::new();
    let mut held = Vec::new();
    for step in 0..600 {
        let make = || {
            made.set(made.get() + 1);
            Dropped(&drops, step)
        };
        if let Some(value) = attempt(gate, &mut &arena, |arena| arena.try_alloc_with(make), |_| ())
        {
            held.push((value, step));
        }
        if let Ok(value) = gate.run(|| arena.try_alloc(make())) {
            held.push((value, step));
        }
        let slice = gate.run(|| arena.try_alloc_slice_fill_with(3, |_| make()));
        held.extend(slice.into_iter().flatten().map(|value| (value, step)));
    }
    assert!(held.iter().all(|(value, step)| value.1 == *step));
    // Only what had been made before there was no place for it.
    assert_eq!(drops.get(), made.get() - held.len());
    drop(held);
    assert_eq!(arena.alloc(Dropped(&drops, 7)).1, 7);
    drop(arena);
    assert_eq!(drops.get(), made.get() + 1);
}

fn pool(gate: &mut Refusing) {
    let pool = Pool::new();
    let mut held = Vec::new();
    for step in 0..1000u64 {
        if step == 500 && gate.run(|| pool.try_reserve(200)).is_ok() {
            let before = gate.requests();
            for _ in 0..200 {
                held.push((gate.run(|| pool.try_insert([step; 3])).unwrap(), step));
            }
            assert_eq!(gate.requests(), before, "they were reserved");
        }
        // Twice: a value that finds no place comes back.
        for _ in 0..2 {
            match gate.run(|| pool.try_insert([step; 3])) {
                Ok(value) => held.push((value, step)),
                Err((value, _)) => assert_eq!(value, [step; 3]),
            }
        }
        if step % 3 == 0 && !held.is_empty() {
            held.swap_remove(step as usize % held.len());
        }
        assert_eq!(pool.len(), held.len());
    }
    assert!(held.iter().all(|(value, step)| **value == [*step; 3]));
    assert_eq!(*pool.insert([1; 3]), [1; 3]);
}

fn slab(gate: &mut Refusing) {
    let slab = Slab::new();
    let mut lists: Vec<(VecIn<u64, &Slab>, Vec<u64>)> = Vec::new();
    for step in 0..40u64 {
        lists.push((VecIn::new_in(&slab), Vec::new()));
        for (list, model) in &mut lists {
            let more: Vec<u64> = (0..1 + step * step).collect();
            let done = attempt(
                gate,
                list,
                |list| list.try_reserve(more.len()),
                |list| assert_eq!(list[..], model[..]),
            );
            if done.is_some() {
                list.extend_from_slice(&more);
                model.extend_from_slice(&more);
            }
            assert_eq!(list[..], model[..]);
        }
        lists.retain(|(list, _)| list.len() as u64 % 7 != step % 7);
    }
    assert!(slab.try_alloc_layout(Layout::new::<u64>()).is_ok());
}

fn aligned(gate: &mut Refusing) {
    let (mut vec, mut model) = (AlignedVec::new(), Vec::new());
    for step in 0..60u32 {
        let more: Vec<u32> = (0..step * step * 7).collect();
        let len = model.len() + step as usize;
        let check = |vec: &AlignedVec<u32>| assert_eq!(vec[..], model[..]);
        let done = match step % 4 {
            0 => attempt(gate, &mut vec, |vec| vec.try_push(step), check),
            1 => attempt(gate, &mut vec, |vec| vec.try_extend_from_slice(&more), check),
            2 => attempt(gate, &mut vec, |vec| vec.try_resize(len, step), check),
            _ => attempt(gate, &mut vec, |vec| vec.try_reserve(more.len()), check),
        };
        match (done, step % 4) {
            (Some(()), 0) => model.push(step),
            (Some(()), 1) => model.extend_from_slice(&more),
            (Some(()), 2) => model.resize(len, step),
            _ => {}
        }
        assert_eq!(vec[..], model[..]);
    }
    for len in [100, 1 << 20] {
        let zeros = gate.run(|| AlignedVec::<u32>::try_zeroed_in(len, Global));
        assert!(zeros.is_err() || zeros.is_ok_and(|zeros| zeros.iter().all(|zero| *zero == 0)));
    }
    vec.push(1);
    assert_eq!(vec.last(), Some(&1));
}

fn ring(gate: &mut Refusing) {
    for _ in 0..2 {
        if let Ok(mut ring) = gate.run(|| RingBuffer::try_new(5)) {
            for value in 0..9 {
                ring.push_overwrite(value);
            }
            assert!(ring.iter().eq(&[4, 5, 6, 7, 8]));
        }
    }
}

fn queue(gate: &mut Refusing) {
    for _ in 0..2 {
        let Ok((mut producer, mut consumer)) = gate.run(|| spsc::try_queue::<String>(3)) else {
            continue;
        };
        let pushed = producer.push("first".to_owned()).is_ok();
        assert!(pushed && producer.push("left behind".to_owned()).is_ok());
        assert_eq!(consumer.pop().as_deref(), Some("first"));
    }
}

fn recycler(gate: &mut Refusing) {
    let Ok(recycler) = gate.run(|| Recycler::<Vec<u8>>::try_new(8, 1 << 10)) else { return };
    let mut idle = 0;
    for _ in 0..6 {
        // One with memory is put where there is room for it, and freed otherwise.
        let (object, refused) = (Vec::with_capacity(10), gate.refused());
        gate.run(|| recycler.put(object));
        idle += usize::from(gate.refused() == refused);
        assert_eq!((recycler.idle(), recycler.idle_bytes()), (idle, 10 * idle));
    }
    let taken: Vec<_> = (0..8).map(|_| recycler.clone().get()).collect();
    assert_eq!(taken.iter().filter(|object| object.capacity() == 10).count(), idle);
}

/// A thread's memory for its pools is freed when it ends.
fn in_a_thread(gate: &mut Refusing, run: fn(&mut Refusing)) {
    std::thread::scope(|scope| scope.spawn(|| run(gate)).join().unwrap());
}

fn thread_local(gate: &mut Refusing) {
    #[derive(Default)]
    struct Object(u64);
    impl Recycle for Object {
        fn clear(&mut self) {}
        fn memory_bytes(&self) -> usize {
            8
        }
    }
    let made: Vec<_> =
        (0..6).map(|_| gate.run(|| ThreadLocalPool::<Object>::try_new(4, 100))).collect();
    let mut pools: Vec<_> = made.into_iter().flatten().collect();
    for step in 0..40u64 {
        let mut out = Vec::new();
        for pool in &pools {
            for _ in 0..step % 4 {
                if let Some(mut object) = attempt(gate, &mut &*pool, |pool| pool.try_get(), |_| ())
                {
                    object.0 = step;
                    out.push(object);
                }
            }
        }
        if step % 3 == 0 {
            // Others take the pool's place in this thread's list.
            gate.run(|| drop(pools.pop()));
            pools.extend(gate.run(|| ThreadLocalPool::try_new(4, 100)));
        }
        assert!(out.iter().all(|object| object.0 == step));
        if step % 5 == 0 {
            std::thread::spawn(move || drop(out)).join().unwrap();
        }
    }
    pools.push(ThreadLocalPool::new(4, 100));
    assert_eq!(pools.last().unwrap().get().0, 0);
}

fn budget(gate: &mut Refusing) {
    for _ in 0..2 {
        let Ok(budget) = gate.run(|| Budget::try_new(10)) else { continue };
        let before = gate.requests();
        let (held, over) = gate.run(|| (budget.try_reserve(6), budget.try_reserve(5).is_err()));
        assert!(over && held.is_ok_and(|held| held.bytes() == 6));
        assert_eq!((budget.used_bytes(), gate.requests()), (0, before));
    }
}

fn a_region_asks_for_nothing() {
    let mut memory = [MaybeUninit::uninit(); 100];
    let region = Region::new(&mut memory);
    let mut gate = Refusing::new(Refuse::From(0));
    let made =
        gate.run(|| [region.try_alloc([7u8; 80]).is_ok(), region.try_alloc([7u8; 80]).is_ok()]);
    assert_eq!((made, gate.requests()), ([true, false], 0));
}
