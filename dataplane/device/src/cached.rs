//! A file behind a write cache that is gone with the process: for tests of what a loss of power leaves.
//!
//! Writes stay in memory until a Flush, which puts them into the file; so a process that is killed loses exactly what
//! was not flushed. It answers at once, by way of blocking calls, and is no device for anything but tests.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{BlockDevice, Completion, DeviceInfo, IoError, Nanos, Op, Ready, Request, check};

/// Longest read or write.
const LONGEST_BYTES: u32 = 1 << 20;
const QUEUE_DEPTH: u32 = 256;

/// The device.
#[derive(Debug)]
pub struct CachedDevice {
    file: File,
    info: DeviceInfo,
    /// Blocks written since the last Flush.
    cache: BTreeMap<u64, Box<[u8]>>,
    ready: Ready,
}

impl CachedDevice {
    /// Over the file at `path`, which is created if it is missing and made `blocks` long.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, block_size: u32, blocks: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.set_len(blocks * u64::from(block_size))?;
        let info = DeviceInfo {
            name: path.display().to_string(),
            kind: "cached",
            model: "Sluice cached file".to_owned(),
            serial: String::new(),
            block_size,
            blocks,
            buffer_align: 1,
            max_transfer_blocks: LONGEST_BYTES / block_size,
            max_write_zeroes_blocks: LONGEST_BYTES / block_size,
            max_deallocate_blocks: LONGEST_BYTES / block_size,
            queue_depth: QUEUE_DEPTH,
            volatile_write_cache: true,
            fua: false,
            deallocate_reads_zeroes: true,
        };
        Ok(Self { file, info, cache: BTreeMap::new(), ready: Ready::new(QUEUE_DEPTH) })
    }

    fn carry_out(&mut self, request: &mut Request) -> Result<(), IoError> {
        check(&self.info, request)?;
        let block_size = self.info.block_size as usize;
        let used = request.blocks as usize * block_size;
        let begin = request.lba * block_size as u64;
        match (request.op, request.buffer.as_mut()) {
            (Op::Read, Some(buffer)) => {
                self.file.read_exact_at(&mut buffer[..used], begin).map_err(|_| IoError::Media)?;
                for (lba, block) in self.cache.range(request.lba..request.lba + u64::from(request.blocks)) {
                    let at = usize::try_from(lba - request.lba).expect("within the buffer") * block_size;
                    buffer[at..at + block_size].copy_from_slice(block);
                }
                Ok(())
            }
            (Op::Write { fua }, Some(buffer)) => {
                let blocks = buffer[..used].chunks_exact(block_size);
                self.cache.extend((request.lba..).zip(blocks.map(Box::from)));
                if fua { self.flush() } else { Ok(()) }
            }
            (Op::WriteZeroes { .. } | Op::Deallocate, _) => {
                let zeroes = vec![0; block_size].into_boxed_slice();
                self.cache
                    .extend((request.lba..).take(request.blocks as usize).map(|lba| (lba, zeroes.clone())));
                if matches!(request.op, Op::WriteZeroes { fua: true, .. }) { self.flush() } else { Ok(()) }
            }
            (Op::Flush, _) => self.flush(),
            _ => Err(IoError::Unsupported),
        }
    }

    /// Puts everything into the file. It is the process that ends in a test, not the system: that keeps the file.
    fn flush(&mut self) -> Result<(), IoError> {
        for (lba, block) in &self.cache {
            let begin = lba * u64::from(self.info.block_size);
            self.file.write_all_at(block, begin).map_err(|_| IoError::WriteFault)?;
        }
        self.cache.clear();
        Ok(())
    }
}

impl BlockDevice for CachedDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.ready.room());
        for request in &mut requests[..accepted] {
            let result = self.carry_out(request);
            let buffer = request.buffer.take();
            self.ready.push(Completion { tag: request.tag, result, zeroes: false, buffer });
        }
        accepted
    }

    fn poll(&mut self, _now: Nanos, completions: &mut [Completion]) -> usize {
        self.ready.drain_into(completions)
    }

    fn in_flight(&self) -> usize {
        self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (!self.ready.is_empty()).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn arm(&mut self) -> bool {
        self.ready.is_empty()
    }

    fn disarm(&mut self) {}
}

#[cfg(test)]
mod test {
    use sluice_hugepages::{Class, Pool, PoolConfig};

    use super::*;

    fn write(device: &mut CachedDevice, pool: &Pool, lba: u64, byte: u8) {
        let mut buffer = pool.take(512).expect("memory");
        buffer.fill(byte);
        let request = Request {
            op: Op::Write { fua: false },
            lba,
            blocks: 1,
            buffer: Some(buffer),
            ..Request::default()
        };
        finish(device, request);
    }

    fn finish(device: &mut CachedDevice, request: Request) -> Completion {
        let mut completions = [Completion::default()];
        assert_eq!(device.submit(Nanos::ZERO, &mut [request]), 1);
        assert_eq!(device.poll(Nanos::ZERO, &mut completions), 1);
        let [completion] = completions;
        assert_eq!(completion.result, Ok(()));
        completion
    }

    fn read(device: &mut CachedDevice, pool: &Pool, lba: u64) -> u8 {
        let request = Request { op: Op::Read, lba, blocks: 1, buffer: pool.take(512), ..Request::default() };
        finish(device, request).buffer.expect("it comes back")[511]
    }

    #[test]
    fn what_was_flushed_is_there_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("disk");
        let classes = vec![Class { buffer_bytes: 4096, count: 4 }];
        let pool = Pool::new(&PoolConfig { classes }).expect("memory");
        let mut device = CachedDevice::open(&path, 512, 64).expect("a file");
        write(&mut device, &pool, 1, 1);
        finish(&mut device, Request::default());
        write(&mut device, &pool, 1, 2);
        write(&mut device, &pool, 2, 3);
        assert_eq!([1, 2, 3].map(|lba| read(&mut device, &pool, lba)), [2, 3, 0]);
        let mut again = CachedDevice::open(&path, 512, 64).expect("the file");
        assert_eq!([1, 2, 3].map(|lba| read(&mut again, &pool, lba)), [1, 0, 0]);
    }
}
