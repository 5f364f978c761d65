//! The calls of `linux/vfio.h` that the driver needs, one function each.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_GROUP_FLAGS_VIABLE, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_TYPE,
    vfio_group_status, vfio_iommu_type1_dma_map, vfio_irq_info, vfio_irq_set, vfio_region_info,
};

/// Numbers of the calls, above `VFIO_BASE`.
const SET_IOMMU: u32 = 2;
const GROUP_GET_STATUS: u32 = 3;
const GROUP_SET_CONTAINER: u32 = 4;
const GROUP_GET_DEVICE_FD: u32 = 6;
const DEVICE_GET_REGION_INFO: u32 = 8;
const DEVICE_GET_IRQ_INFO: u32 = 9;
const DEVICE_SET_IRQS: u32 = 10;
const IOMMU_GET_INFO: u32 = 12;
const IOMMU_MAP_DMA: u32 = 13;

/// `_IO(VFIO_TYPE, VFIO_BASE + number)`.
fn request(number: u32) -> libc::c_ulong {
    libc::c_ulong::from(u32::from(VFIO_TYPE) << 8 | (VFIO_BASE + number))
}

/// The length of a structure for its `argsz` field.
#[expect(clippy::cast_possible_truncation, reason = "structures of the kernel are short")]
const fn argsz<T>() -> u32 {
    size_of::<T>() as u32
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Calls with a number as the argument.
fn with_number(fd: &impl AsFd, number: u32, argument: u32) -> io::Result<libc::c_int> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the calls that take a number read no memory of ours.
    check(unsafe { libc::ioctl(fd, request(number), libc::c_ulong::from(argument)) })
}

/// Calls with a structure that the kernel reads and writes.
///
/// # Safety
/// `argument` is the structure that the call takes, and its `argsz` does not exceed the memory behind it.
unsafe fn with_structure<T>(fd: &impl AsFd, number: u32, argument: *mut T) -> io::Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: forwarded to the caller.
    check(unsafe { libc::ioctl(fd, request(number), argument) }).map(|_| ())
}

/// Chooses the IOMMU driver of a container that has a group.
pub(super) fn set_iommu(container: &impl AsFd, kind: u32) -> io::Result<()> {
    with_number(container, SET_IOMMU, kind).map(|_| ())
}

/// Whether all devices of the group are free for use.
pub(super) fn is_viable(group: &impl AsFd) -> io::Result<bool> {
    let mut status = vfio_group_status { argsz: argsz::<vfio_group_status>(), flags: 0 };
    // SAFETY: the call's own structure.
    unsafe { with_structure(group, GROUP_GET_STATUS, &raw mut status) }?;
    Ok(status.flags & VFIO_GROUP_FLAGS_VIABLE != 0)
}

/// Puts a group into a container.
pub(super) fn set_container(group: &impl AsFd, container: &impl AsFd) -> io::Result<()> {
    let mut container: RawFd = container.as_fd().as_raw_fd();
    // SAFETY: the call reads one descriptor.
    unsafe { with_structure(group, GROUP_SET_CONTAINER, &raw mut container) }
}

/// Opens a device of a group.
pub(super) fn device_fd(group: &impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let group = group.as_fd().as_raw_fd();
    // SAFETY: the call reads a string that ends with NUL.
    let fd = check(unsafe { libc::ioctl(group, request(GROUP_GET_DEVICE_FD), name.as_ptr()) })?;
    // SAFETY: a descriptor made just now, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Where a region of a device is in its descriptor, and how long.
pub(super) fn region(device: &impl AsFd, index: u32) -> io::Result<vfio_region_info> {
    let mut info = vfio_region_info { argsz: argsz::<vfio_region_info>(), index, ..Default::default() };
    // SAFETY: the call's own structure.
    unsafe { with_structure(device, DEVICE_GET_REGION_INFO, &raw mut info) }?;
    Ok(info)
}

/// How many interrupts of a kind a device has.
pub(super) fn interrupts(device: &impl AsFd, index: u32) -> io::Result<u32> {
    let mut info = vfio_irq_info { argsz: argsz::<vfio_irq_info>(), index, ..Default::default() };
    // SAFETY: the call's own structure.
    unsafe { with_structure(device, DEVICE_GET_IRQ_INFO, &raw mut info) }?;
    Ok(info.count)
}

/// A `vfio_irq_set` with one descriptor behind it.
#[repr(C)]
struct OneInterrupt {
    head: vfio_irq_set,
    fd: RawFd,
}

/// Signals interrupt 0 of a kind on an eventfd.
pub(super) fn signal_on(device: &impl AsFd, index: u32, event: &OwnedFd) -> io::Result<()> {
    let flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    let head = vfio_irq_set {
        argsz: argsz::<OneInterrupt>(),
        flags,
        index,
        start: 0,
        count: 1,
        ..Default::default()
    };
    let mut set = OneInterrupt { head, fd: event.as_raw_fd() };
    // SAFETY: the call's own structure, with the one descriptor that its count says.
    unsafe { with_structure(device, DEVICE_SET_IRQS, &raw mut set) }
}

/// What the IOMMU driver tells of itself: words of `vfio_iommu_type1_info` and the capabilities behind it. The first
/// word's low half is how many bytes there are.
pub(super) fn iommu_info(container: &impl AsFd, words: &mut [u64]) -> io::Result<()> {
    words[0] = size_of_val(words) as u64;
    // SAFETY: the call's structure and what follows it; `argsz`, its first field, is the length of `words`.
    unsafe { with_structure(container, IOMMU_GET_INFO, words.as_mut_ptr()) }
}

/// Lets the devices of a container reach memory.
///
/// # Safety
/// The memory stays mapped, and nothing in it is borrowed that a device may write, until the container is closed.
pub(super) unsafe fn map_dma(container: &impl AsFd, map: vfio_iommu_type1_dma_map) -> io::Result<()> {
    let mut map = vfio_iommu_type1_dma_map { argsz: argsz::<vfio_iommu_type1_dma_map>(), ..map };
    // SAFETY: the call's own structure; the memory is the caller's concern.
    unsafe { with_structure(container, IOMMU_MAP_DMA, &raw mut map) }
}
