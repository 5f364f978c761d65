//! A driver gone wrong: addresses outside what is mapped end in the IOMMU, not in memory. The drive may not notice: its
//! writes to memory are posted, and qemu's reads of memory that is not there give it anything. The host does notice.

use std::rc::Rc;

use sluice_device::{Op, Request};
use sluice_hugepages::{Backing, DmaMemory, Iova};
use sluice_nvme::property::Cap;
use sluice_nvme_pcie::vfio::PciFunction;
use sluice_nvme_pcie::{Hardware, Memory, NvmeDevice, Opening, Options, memory_bytes};

use crate::rig::{address, now, pool, run};

#[test]
fn transfers_outside_the_mapping_touch_nothing() {
    let Some(address) = address() else { return };
    let pool = pool();
    let mut function = PciFunction::open(address).unwrap();
    let options = Options::default();
    let bytes = memory_bytes(Cap::from_bits(function.read64(0)), &options);
    let queues = Rc::new(DmaMemory::new(bytes, &Backing::default()).unwrap());
    // SAFETY: the device keeps the memory until it has dropped the function.
    let queues_iova = unsafe { function.map(queues.region()) }.unwrap();
    // The pool is not mapped at all: no address of its buffers is one that the IOMMU knows.
    let memory = Memory { queues, queues_iova, buffers: pool.clone(), buffers_iova: Iova(1 << 36) };
    let mut device = start(Opening::new(function, memory, options, Box::new(|_| {}), now()));
    for op in [Op::Read, Op::Write { fua: false }] {
        let mut buffer = pool.take(4096).unwrap();
        buffer.fill(0xa5);
        let done = run(&mut device, Request { tag: 1, op, lba: 0, blocks: 1, buffer: Some(buffer) });
        println!("{op:?} through an address that is not mapped: {:?}", done.result);
        assert!(done.buffer.unwrap().iter().all(|byte| *byte == 0xa5));
    }
    let flush = run(&mut device, Request { tag: 2, ..Request::default() });
    assert_eq!(flush.result, Ok(()), "the drive itself is well");
}

fn start(mut opening: Opening<PciFunction>) -> NvmeDevice<PciFunction> {
    loop {
        if let Some(result) = opening.poll(now()) {
            result.unwrap();
            return opening.finish();
        }
    }
}
