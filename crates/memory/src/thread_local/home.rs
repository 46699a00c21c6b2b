//! What a thread keeps of a pool.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::{NonNull, drop_in_place, null_mut};

use allocator_api2::alloc::{Allocator, Global};

use super::homes::current_thread;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering, UnsafeCell};
use crate::{OutOfMemory, Recycle};

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_idle: usize,
    pub(super) max_object_bytes: usize,
}

/// An object and where it belongs. Out with a handle, or in one of its home's two lists.
pub(super) struct Node<T> {
    /// None where the thread that made it was ending.
    home: Option<NonNull<Home<T>>>,
    /// The next in the list it is in.
    next: UnsafeCell<*mut Node<T>>,
    pub(super) object: T,
}

/// A thread's shelf for the objects of one pool.
///
/// Freed when the thread has closed it and the last of its nodes is gone.
pub(super) struct Home<T> {
    owner: u64,
    limits: Limits,
    /// The shelf. Only the owner touches it.
    kept: Cell<*mut Node<T>>,
    /// Nodes that the shelf has room for. Only the owner touches it; 0 for ever once closed.
    room: Cell<usize>,
    /// What came back from other threads, or `closed()`.
    returned: AtomicPtr<Node<T>>,
    /// Nodes in `returned`, or about to be.
    returned_count: AtomicUsize,
    /// Nodes that exist, and one more while the thread has not closed it.
    holders: AtomicUsize,
}

/// The head of the return list of a home that is closed: the address of no node.
fn closed<T>() -> *mut Node<T> {
    NonNull::<Node<T>>::dangling().as_ptr()
}

impl<T: Recycle + Send> Home<T> {
    pub(super) fn try_open(limits: Limits) -> Result<NonNull<Self>, OutOfMemory> {
        let layout = Layout::new::<Self>();
        let home = Global.allocate(layout).map_err(|_| OutOfMemory::Allocator { layout })?;
        let home = home.cast::<Self>();
        // SAFETY: fresh memory of this layout.
        unsafe {
            home.write(Self {
                owner: current_thread(),
                limits,
                kept: Cell::new(null_mut()),
                room: Cell::new(limits.max_idle),
                returned: AtomicPtr::new(null_mut()),
                returned_count: AtomicUsize::new(0),
                holders: AtomicUsize::new(1),
            });
        }
        Ok(home)
    }

    /// A node from the shelf, or from what came back.
    ///
    /// # Safety
    /// By the owner.
    #[inline]
    pub(super) unsafe fn take(&self) -> Option<NonNull<Node<T>>> {
        // SAFETY: by the owner.
        unsafe { self.pop().or_else(|| self.collect()) }
    }

    /// # Safety
    /// By the owner.
    #[inline(always)]
    unsafe fn pop(&self) -> Option<NonNull<Node<T>>> {
        let node = NonNull::new(self.kept.get())?;
        // SAFETY: nodes on the shelf are the owner's.
        self.kept.set(unsafe { node.as_ref() }.next.with(|next| unsafe { *next }));
        self.room.set(self.room.get() + 1);
        Some(node)
    }

    /// Puts a node on the shelf, or frees it.
    ///
    /// (By address, as `bring_back`: with the node, the home itself may be freed in here, which must
    /// not happen to what an argument refers to.)
    ///
    /// # Safety
    /// By the owner, of a node of this home that nobody else has.
    #[inline(always)]
    unsafe fn keep(home: NonNull<Self>, node: NonNull<Node<T>>) {
        // SAFETY: the node holds its home until it is freed, after which neither is used.
        unsafe {
            let this = home.as_ref();
            let room = this.room.get();
            if room == 0 {
                Node::free(node);
                return;
            }
            node.as_ref().next.with_mut(|next| *next = this.kept.get());
            this.kept.set(node.as_ptr());
            this.room.set(room - 1);
        }
    }

    /// Puts what came back on the shelf and takes one of it.
    ///
    /// # Safety
    /// By the owner, of an open home.
    #[cold]
    unsafe fn collect(&self) -> Option<NonNull<Node<T>>> {
        // Acquire: what was done with the nodes elsewhere came before.
        let mut list = self.returned.swap(null_mut(), Ordering::Acquire);
        while let Some(node) = NonNull::new(list) {
            self.returned_count.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: taken all at once, the list is the owner's.
            unsafe {
                list = node.as_ref().next.with(|next| *next);
                Self::keep(NonNull::from_ref(self), node);
            }
        }
        // SAFETY: by the owner.
        unsafe { self.pop() }
    }

    /// Brings a node back from another thread.
    ///
    /// # Safety
    /// It is of this home, and nobody else's. The home may be gone afterwards.
    #[cold]
    unsafe fn bring_back(home: NonNull<Self>, node: NonNull<Node<T>>) {
        // SAFETY: the node holds its home, until it is in the list or freed.
        let this = unsafe { home.as_ref() };
        // Counted before it is there, so that the owner never counts below zero.
        if this.returned_count.fetch_add(1, Ordering::Relaxed) >= this.limits.max_idle {
            this.returned_count.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: as the caller says.
            unsafe { Node::free(node) };
            return;
        }
        let mut head = this.returned.load(Ordering::Relaxed);
        while head != closed() {
            // SAFETY: the node is ours until it is in the list.
            unsafe { node.as_ref() }.next.with_mut(|next| unsafe { *next = head });
            // Release: the owner sees what was done with the node. Nobody pops single nodes, so
            // that a head that is the same again has the same list behind it.
            let exchanged = this.returned.compare_exchange_weak(
                head,
                node.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            match exchanged {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
        // SAFETY: the home is closed, and its memory stays until this node is freed.
        unsafe { Node::free(node) };
    }

    /// Frees what the thread keeps; nodes that come back later are freed by who brings them.
    ///
    /// # Safety
    /// By the owner, once; the home is not used by it afterwards.
    pub(super) unsafe fn close(home: NonNull<Self>) {
        // SAFETY: the owner holds it until the last line.
        unsafe {
            let this = home.as_ref();
            while let Some(node) = this.pop() {
                // Its room must not be used by what the object's destructor gives up.
                this.room.set(0);
                Node::free(node);
            }
            this.room.set(0);
            let mut list = this.returned.swap(closed(), Ordering::Acquire);
            while let Some(node) = NonNull::new(list) {
                list = node.as_ref().next.with(|next| *next);
                Node::free(node);
            }
            Self::release(home);
        }
    }

    /// One holder less.
    ///
    /// # Safety
    /// By a holder, which does not use it any more.
    unsafe fn release(home: NonNull<Self>) {
        // SAFETY: alive while it has holders, of which the caller is one.
        let before = unsafe { home.as_ref() }.holders.fetch_sub(1, Ordering::Release);
        if before == 1 {
            // SAFETY: as above. What the others did with it came before. (A fence says the same, but
            // ThreadSanitizer does not see fences.)
            unsafe { home.as_ref() }.holders.load(Ordering::Acquire);
            // SAFETY: from the global allocator, with this layout; this was the last holder.
            drop(unsafe { Box::from_raw(home.as_ptr()) });
        }
    }
}

impl<T: Recycle + Send> Node<T> {
    /// A new node for a home.
    ///
    /// # Safety
    /// The home is alive.
    #[cold]
    pub(super) unsafe fn make(
        home: Option<NonNull<Home<T>>>,
    ) -> Result<NonNull<Self>, OutOfMemory> {
        let object = T::default();
        let layout = Layout::new::<Self>();
        let node = Global.allocate(layout).map_err(|_| OutOfMemory::Allocator { layout })?;
        let node = node.cast::<Self>();
        if let Some(home) = home {
            // SAFETY: as the caller says.
            unsafe { home.as_ref() }.holders.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: fresh memory of this layout.
        unsafe { node.write(Self { home, next: UnsafeCell::new(null_mut()), object }) };
        Ok(node)
    }

    /// Clears the object and sends it home, or frees it.
    ///
    /// # Safety
    /// The node is the caller's alone.
    #[inline(always)]
    pub(super) unsafe fn give_up(node: NonNull<Self>) {
        let unwinding = Doomed(node);
        // SAFETY: the caller's alone.
        let bytes = unsafe {
            let object = &mut (*node.as_ptr()).object;
            object.clear();
            object.memory_bytes()
        };
        // SAFETY: a node holds its home, which is alive as long.
        let Some(home) = (unsafe { (*node.as_ptr()).home }) else { return };
        // SAFETY: as above.
        let (owner, limits) = unsafe { (home.as_ref().owner, home.as_ref().limits) };
        if bytes > limits.max_object_bytes {
            return;
        }
        std::mem::forget(unwinding);
        // SAFETY: of this home; on its shelf only by its owner.
        unsafe {
            if owner == current_thread() {
                Home::keep(home, node);
            } else {
                Home::bring_back(home, node);
            }
        }
    }

    /// Frees a node, which its home no longer counts then.
    ///
    /// # Safety
    /// The node is the caller's alone.
    #[cold]
    unsafe fn free(node: NonNull<Self>) {
        drop(Doomed(node));
    }
}

/// A node to be freed, even while its object's `clear` unwinds.
struct Doomed<T: Recycle + Send>(NonNull<Node<T>>);

impl<T: Recycle + Send> Drop for Doomed<T> {
    fn drop(&mut self) {
        struct Memory<T: Recycle + Send>(NonNull<Node<T>>, Option<NonNull<Home<T>>>);
        impl<T: Recycle + Send> Drop for Memory<T> {
            fn drop(&mut self) {
                // SAFETY: allocated with this layout, and without an object now. The home counted
                // the node, and does so no longer.
                unsafe {
                    Global.deallocate(self.0.cast(), Layout::new::<Node<T>>());
                    if let Some(home) = self.1 {
                        Home::release(home);
                    }
                }
            }
        }
        // SAFETY: the node is ours, and its object dropped once; its memory after it, even when the
        // destructor panics.
        unsafe {
            let _memory = Memory(self.0, (*self.0.as_ptr()).home);
            drop_in_place(&raw mut (*self.0.as_ptr()).object);
        }
    }
}
