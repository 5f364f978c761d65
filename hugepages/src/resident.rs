//! Mapping resident memory: every page present before the call returns, from the wished node, or an error.
//!
//! A huge page that is missing when it is first touched kills the process (SIGBUS). So pages are taken when the
//! memory is mapped, and a host that is short of them says so at start.

use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};

use crate::pages::{Backing, Granted, PageSize, Refusal};
use crate::to_usize;

/// Sizes of page in the flags of `mmap`: their power of two, above the other flags.
const HUGE_SHIFT: u32 = 26;

/// Bytes of the mask of NUMA nodes handed to the kernel: 1024 nodes, its own limit.
const NODE_MASK_WORDS: usize = 16;

/// A mapping whose pages are all there.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) base: NonNull<u8>,
    /// What was asked for, rounded up to whole pages.
    pub(crate) length: usize,
    pub(crate) granted: Granted,
}

/// Maps `length_bytes` on the largest pages that `backing` permits and the host has.
///
/// # Errors
/// The kernel's last answer, with the size of page it is about. Nothing stays mapped.
pub(crate) fn map(length_bytes: u64, backing: &Backing) -> Result<Resident, Refusal> {
    let mut refused = Vec::new();
    for pages in backing.candidates(length_bytes) {
        match map_pages(length_bytes, pages, backing.node) {
            Ok((base, length, locked)) => {
                let granted = Granted { pages, locked, node: backing.node, refused };
                return Ok(Resident { base, length, granted });
            }
            Err(cause) => refused.push(Refusal { pages, cause }),
        }
    }
    let contradiction = || Refusal { pages: backing.smallest, cause: io::ErrorKind::InvalidInput.into() };
    Err(refused.pop().unwrap_or_else(contradiction))
}

/// Tries one size of page. Returns the base, the length and whether the memory is locked.
fn map_pages(
    length_bytes: u64,
    pages: PageSize,
    node: Option<u32>,
) -> io::Result<(NonNull<u8>, usize, bool)> {
    let length = to_usize(length_bytes.next_multiple_of(pages.bytes()));
    let huge =
        MapFlags::from_bits_retain(MapFlags::HUGETLB.bits() | pages.bytes().trailing_zeros() << HUGE_SHIFT);
    let kind = if pages == PageSize::Ordinary { MapFlags::empty() } else { huge };
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a null hint lets the kernel choose an unused range, so no existing memory is replaced.
    let base = unsafe { mmap_anonymous(std::ptr::null_mut(), length, protection, MapFlags::PRIVATE | kind) }?;
    let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
    let unmap = |cause| {
        // SAFETY: the mapping just made, which nobody else knows of.
        let unmapped = unsafe { munmap(base.as_ptr().cast(), length) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
        cause
    };
    if let Some(node) = node {
        bind(base, length, node).map_err(unmap)?;
    }
    // SAFETY: the mapping just made; making its pages present changes none of its contents.
    unsafe { madvise(base.as_ptr().cast(), length, Advice::LinuxPopulateWrite) }
        .map_err(|cause| unmap(cause.into()))?;
    // SAFETY: as above. Huge pages are never swapped out, so only the limit's bookkeeping differs.
    let locked = unsafe { mlock(base.as_ptr().cast(), length) }.is_ok() || pages != PageSize::Ordinary;
    Ok((base, length, locked))
}

/// Lets a mapping take its pages from one NUMA node only.
fn bind(base: NonNull<u8>, length: usize, node: u32) -> io::Result<()> {
    let mut mask = [0u64; NODE_MASK_WORDS];
    let word = mask.get_mut((node / u64::BITS) as usize).ok_or(io::ErrorKind::InvalidInput)?;
    *word = 1 << (node % u64::BITS);
    let bits = NODE_MASK_WORDS * u64::BITS as usize;
    // SAFETY: the kernel reads `bits` bits at `mask`, which is that long, and changes the policy of the range, a
    // mapping of the caller's without contents yet.
    let result = unsafe {
        libc::syscall(libc::SYS_mbind, base.as_ptr(), length, libc::MPOL_BIND, mask.as_ptr(), bits, 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
