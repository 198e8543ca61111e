//! Memory for a program that has one thread and needs little.
//!
//! What a run needs comes out of the program's own `.bss`: there is no system call that could fail while session-init is
//! somebody's PID 1. The C library's allocator is a tenth of the static binary, and a start takes four system calls and three
//! page faults in it, a twelfth of the time that a start takes at all (`make bench`).

use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;

/// Blocks come in powers of two, so that what is given back fits what is asked for next. This is the smallest, and what
/// every block is aligned to.
const SMALLEST: usize = 16;
/// How many sizes there are. Whatever is larger than the largest, 32 KiB, is the kernel's business.
const SIZES: usize = 12;
/// What blocks are cut from at first, and what is taken from the kernel at once after that.
const CHUNK: usize = 64 * 1024;
/// The smallest that Linux has anywhere.
const PAGE: usize = 4096;

/// An allocator that knows no locks. The order of its fields is that of their first use, so that they share pages.
#[derive(Debug)]
#[repr(C)]
pub struct Allocator {
    /// The first free block of each size.
    free: [Cell<*mut Block>; SIZES],
    /// What is left of the chunk that blocks are cut from; null before the first.
    rest: Cell<*mut u8>,
    left: Cell<usize>,
    first: Chunk,
}

/// Costs nothing until it is used, page by page.
#[repr(C, align(16))]
#[derive(Debug)]
struct Chunk(UnsafeCell<[MaybeUninit<u8>; CHUNK]>);

/// A free block.
#[derive(Debug, Clone, Copy)]
struct Block {
    next: *mut Block,
}

impl Allocator {
    /// An allocator that has given nothing away yet. It must stay where it is once it has.
    ///
    /// # Safety
    ///
    /// It must be used by one thread alone, and be a `static`, or at least outlive every block and not be moved.
    #[must_use]
    #[expect(clippy::large_stack_arrays, reason = "it is a static")]
    pub const unsafe fn new() -> Self {
        Self {
            free: [const { Cell::new(ptr::null_mut()) }; SIZES],
            rest: Cell::new(ptr::null_mut()),
            left: Cell::new(0),
            first: Chunk(UnsafeCell::new([MaybeUninit::uninit(); CHUNK])),
        }
    }

    /// The list of the blocks that fit, and their size; `None` where only pages do.
    fn list(&self, layout: Layout) -> Option<(&Cell<*mut Block>, usize)> {
        if layout.align() > SMALLEST {
            return None;
        }
        let size = layout.size().max(SMALLEST).checked_next_power_of_two()?;
        let index = size.trailing_zeros().checked_sub(SMALLEST.trailing_zeros())?;
        Some((self.free.get(usize::try_from(index).ok()?)?, size))
    }

    fn cut(&self, size: usize) -> *mut u8 {
        if self.left.get() < size {
            let chunk = if self.rest.get().is_null() { self.first.0.get().cast() } else { map(CHUNK) };
            if chunk.is_null() {
                return chunk;
            }
            self.rest.set(chunk);
            self.left.set(CHUNK);
        }
        let block = self.rest.get();
        self.rest.set(block.wrapping_add(size));
        self.left.set(self.left.get().saturating_sub(size));
        block
    }
}

// SAFETY: there is no other thread, as the caller of `new` has promised.
unsafe impl Sync for Allocator {}

// SAFETY: a block is as large and aligned as its layout asks, and nobody else's until it is given back: it comes from a
// list, which it leaves, from a chunk, of which it is cut off, or from the kernel.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, size)) = self.list(layout) else {
            // Pages are aligned to themselves and no further.
            return if layout.align() <= PAGE { map(layout.size()) } else { ptr::null_mut() };
        };
        let block = list.get();
        if block.is_null() {
            return self.cut(size);
        }
        // SAFETY: what is on a list is a free block, in which `dealloc` has left the address of the next one.
        list.set(unsafe { block.read() }.next);
        block.cast()
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let Some((list, _)) = self.list(layout) else {
            // SAFETY: `alloc` has mapped it for the same layout, and its owner no longer uses it.
            let _ = unsafe { libc::munmap(place.cast(), layout.size()) };
            return;
        };
        let block: *mut Block = place.cast();
        // SAFETY: the block is large and aligned enough for an address, and its owner no longer uses it.
        unsafe { block.write(Block { next: list.get() }) };
        list.set(block);
    }
}

/// Pages from the kernel, or null.
fn map(size: usize) -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at a place of the kernel's choice takes nothing from anybody.
    let place = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
    if place == libc::MAP_FAILED { ptr::null_mut() } else { place.cast() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_that_was_given_back_is_used_again() {
        // SAFETY: this test is its one thread.
        let allocator = unsafe { Allocator::new() };
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: the size is not zero.
        let first = unsafe { allocator.alloc(layout(100)) };
        // SAFETY: it comes from there, with this layout.
        unsafe { allocator.dealloc(first, layout(100)) };
        // SAFETY: the size is not zero.
        assert_eq!(unsafe { allocator.alloc(layout(128)) }, first);
    }

    #[test]
    fn a_chunk_is_used_to_its_end() {
        // SAFETY: this test is its one thread.
        let allocator = unsafe { Allocator::new() };
        let first = allocator.cut(SMALLEST);
        let last = (1..CHUNK / SMALLEST).map(|_| allocator.cut(SMALLEST)).last();
        assert_eq!(last, Some(first.wrapping_add(CHUNK - SMALLEST)));
    }

    #[test]
    fn what_needs_no_more_alignment_than_a_block_has_takes_no_page() {
        // SAFETY: this test is its one thread.
        let allocator = unsafe { Allocator::new() };
        let has_a_list = |align| allocator.list(Layout::from_size_align(SMALLEST, align).unwrap()).is_some();
        assert!(has_a_list(SMALLEST) && !has_a_list(2 * SMALLEST));
    }

    proptest! {
        #[test]
        fn blocks_are_aligned_and_never_overlap(
            steps in prop::collection::vec((1usize..100_000, 0u32..8, any::<prop::sample::Index>(), any::<bool>()), 1..200)
        ) {
            // SAFETY: this test is its one thread.
            let allocator = unsafe { Allocator::new() };
            let mut blocks: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (number, (size, alignment, index, gives_back)) in (0u8..=255).cycle().zip(steps) {
                if gives_back && !blocks.is_empty() {
                    let (place, layout, mark) = blocks.swap_remove(index.index(blocks.len()));
                    // SAFETY: all of it was written below.
                    let contents = unsafe { std::slice::from_raw_parts(place, layout.size()) };
                    prop_assert!(contents == vec![mark; layout.size()]);
                    // SAFETY: it comes from there, with this layout.
                    unsafe { allocator.dealloc(place, layout) };
                    continue;
                }
                let layout = Layout::from_size_align(size, 1 << alignment).unwrap();
                // SAFETY: the size is not zero.
                let place = unsafe { allocator.alloc(layout) };
                prop_assert!(!place.is_null() && place.align_offset(layout.align()) == 0);
                // SAFETY: the block is as large as was asked for.
                unsafe { place.write_bytes(number, size) };
                blocks.push((place, layout, number));
            }
        }
    }
}
