//! A container with one group in it: what the drive may reach.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;

use rustix::io::Errno;
use sluice_hugepages::{Iova, IovaSpace, PageSize, Region};
use vfio_bindings::bindings::vfio::{
    VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_TYPE1v2_IOMMU, vfio_iommu_type1_dma_map,
};

use super::{PciAddress, PciError, ioctl, sysfs};

/// Words of the answer about the IOMMU: far more than its capabilities are long.
const INFO_WORDS: usize = 512;

/// Flag of that answer: capabilities follow.
const INFO_CAPS: u32 = 1 << 1;

/// Capability: the ranges of addresses that may be used.
const CAP_IOVA_RANGES: u16 = 1;

/// What an IOMMU that tells no ranges translates: 39 bits, less the window of interrupts.
const LEAST: [RangeInclusive<u64>; 2] = [0..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1];

/// Closing it ends all mappings.
#[derive(Debug)]
pub(super) struct Container {
    // The group before the container: it is in it.
    pub(super) group: File,
    container: File,
    space: IovaSpace,
}

impl Container {
    /// A container for the group of the function at `address`.
    pub(super) fn open(address: PciAddress) -> Result<Self, PciError> {
        let number = sysfs::group(address)?;
        let open = |path: &str| File::options().read(true).write(true).open(path);
        let container = open("/dev/vfio/vfio").map_err(PciError::call("open /dev/vfio/vfio"))?;
        let group = open(&format!("/dev/vfio/{number}")).map_err(|cause| match cause.kind() {
            ErrorKind::ResourceBusy => PciError::InUse { address },
            _ => PciError::Call { call: "open the IOMMU group in /dev/vfio", cause },
        })?;
        if !ioctl::is_viable(&group).map_err(PciError::call("VFIO_GROUP_GET_STATUS"))? {
            return Err(PciError::NotViable { address });
        }
        ioctl::set_container(&group, &container).map_err(PciError::call("VFIO_GROUP_SET_CONTAINER"))?;
        ioctl::set_iommu(&container, VFIO_TYPE1v2_IOMMU).map_err(PciError::call("VFIO_SET_IOMMU"))?;
        let mut words = [0; INFO_WORDS];
        ioctl::iommu_info(&container, &mut words).map_err(PciError::call("VFIO_IOMMU_GET_INFO"))?;
        let ranges = iova_ranges(&words);
        let space = if ranges.is_empty() { IovaSpace::new(LEAST) } else { IovaSpace::new(ranges) };
        Ok(Self { group, container, space })
    }

    /// Lets the drive reach a region; the drive's address of its start.
    ///
    /// # Safety
    /// The region stays mapped until this container is dropped, and nothing in it is borrowed while the drive may
    /// write it.
    pub(super) unsafe fn map(&mut self, region: Region) -> Result<Iova, PciError> {
        let Region { base, length_bytes } = region;
        let failed = |cause| PciError::Map { length_bytes, cause };
        let align = PageSize::Huge2MiB.bytes();
        let no_room = || failed(io::Error::from(Errno::NOSPC));
        let iova = self.space.take(length_bytes, align).ok_or_else(no_room)?;
        let map = vfio_iommu_type1_dma_map {
            argsz: 0,
            flags: VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
            vaddr: base.addr().get() as u64,
            iova: iova.0,
            size: length_bytes,
        };
        // SAFETY: forwarded to the caller.
        unsafe { ioctl::map_dma(&self.container, map) }.map_err(failed)?;
        Ok(iova)
    }
}

/// The halves of a word as the kernel lays out two fields of 32 bits.
fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// The ranges among the capabilities behind `vfio_iommu_type1_info`; none if it tells none.
fn iova_ranges(words: &[u64]) -> Vec<RangeInclusive<u64>> {
    let [_, flags] = halves(words[0]);
    let [mut next, _] = halves(words[2]);
    while flags & INFO_CAPS != 0 && next != 0 {
        // `next` is in bytes from the start and a multiple of 8.
        let at = next as usize / 8;
        let (Some(header), Some(counts)) = (words.get(at), words.get(at + 1)) else { break };
        let [id_version, following] = halves(*header);
        let [id, _, ..] = id_version.to_le_bytes();
        if u16::from(id) == CAP_IOVA_RANGES {
            let count = halves(*counts)[0] as usize;
            let ranges = words[at + 2..].chunks_exact(2).take(count);
            return ranges.map(|range| range[0]..=range[1]).collect();
        }
        next = following;
    }
    Vec::new()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn ranges_are_found_behind_other_capabilities() {
        // argsz, flags; page sizes; offset of the first capability; another capability; the ranges.
        let words = [
            0x2_0000_0068,
            0x1000,
            24,
            40 << 32 | 3,
            0,
            0x1_0001,
            2,
            0,
            0xfedf_ffff,
            0xfef0_0000,
            0xff_ffff_ffff,
        ];
        assert_eq!(iova_ranges(&words), [0..=0xfedf_ffff, 0xfef0_0000..=0xff_ffff_ffff]);
        let without = [0x0_0000_0018, 0x1000, 24, 0x1_0001, 2, 0, 0, 0];
        assert_eq!(iova_ranges(&without), []);
        let cut_off = [0x2_0000_0018, 0x1000, 24, 0];
        assert_eq!(iova_ranges(&cut_off), []);
    }
}
