use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Recycled byte buffers.
///
/// A buffer keeps its pages when it goes back, so that a steady state touches no fresh memory.
/// The pool holds at most `max_idle_buffers`; a buffer that grew beyond `max_buffer_bytes` is
/// freed instead of kept.
#[derive(Clone, Debug)]
pub struct BufferPool {
    shelf: Arc<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    idle: Mutex<Vec<Vec<u8>>>,
    max_idle_buffers: usize,
    max_buffer_bytes: usize,
}

impl BufferPool {
    /// A pool that keeps up to `max_idle_buffers` buffers of up to `max_buffer_bytes` each.
    #[must_use]
    pub fn new(max_idle_buffers: usize, max_buffer_bytes: usize) -> Self {
        let shelf = Shelf { idle: Mutex::default(), max_idle_buffers, max_buffer_bytes };
        Self { shelf: Arc::new(shelf) }
    }

    /// An empty buffer, recycled if one is idle.
    #[must_use]
    pub fn take(&self) -> PooledBuffer {
        let recycled = self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        PooledBuffer { buffer: recycled.unwrap_or_default(), shelf: Arc::clone(&self.shelf) }
    }
}

/// A buffer of a [`BufferPool`], which goes back when dropped.
#[derive(Debug)]
pub struct PooledBuffer {
    buffer: Vec<u8>,
    shelf: Arc<Shelf>,
}

impl Deref for PooledBuffer {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.buffer
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() == 0 || buffer.capacity() > self.shelf.max_buffer_bytes {
            return;
        }
        buffer.clear();
        let mut idle = self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.shelf.max_idle_buffers {
            idle.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_comes_back_empty_with_its_memory() {
        let pool = BufferPool::new(1, 1 << 20);
        let mut a = pool.take();
        a.extend_from_slice(&[1; 5000]);
        let address = a.as_ptr();
        drop(a);
        let b = pool.take();
        assert!(b.is_empty());
        assert_eq!(b.as_ptr(), address);
    }

    #[test]
    fn a_giant_is_not_kept() {
        let pool = BufferPool::new(4, 100);
        let mut a = pool.take();
        a.reserve(1000);
        drop(a);
        assert_eq!(pool.take().capacity(), 0);
    }
}
