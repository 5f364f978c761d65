//! The archive format of an initramfs: `newc` cpio.
//!
//! Written by [`crate::initramfs`] alone. Every number in a header is eight hexadecimal digits, names end with NUL,
//! and headers with their names, and contents, are padded to four bytes (the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).

use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// An archive under way; [`Archive::finish`] writes its trailer.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    inode: u32,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, inode: 1 }
    }

    pub(crate) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.entry(name, DIRECTORY | 0o755, &[])
    }

    /// A regular file that everybody may read and run.
    pub(crate) fn file(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        self.entry(name, REGULAR | 0o755, contents)
    }

    pub(crate) fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.entry(name, SYMLINK | 0o777, target.as_bytes())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.entry("TRAILER!!!", 0, &[])?;
        self.out.flush()
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) -> io::Result<()> {
        let size = u32::try_from(contents.len()).map_err(io::Error::other)?;
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let (inode, links) = (self.inode, 1);
        self.inode += 1;
        // Inode, mode, uid, gid, links, mtime, size, four device numbers, size of the name, checksum.
        let fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        write!(self.out, "070701")?;
        for field in fields {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(110 + name.len() + 1)?;
        self.out.write_all(contents)?;
        self.pad(contents.len())
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.out.write_all(&[0; 3][..written.wrapping_neg() % 4])
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_file_and_the_trailer_have_the_documented_bytes() {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.file("a", b"hello").unwrap();
        archive.finish().unwrap();
        let header = "070701\
            00000001000081ed00000000000000000000000100000000000000050000000000000000000000000000000000000002\
            00000000a\0hello\0\0\0";
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(header), "{text}");
        assert_eq!(text.len() % 4, 0);
        assert!(text.contains("TRAILER!!!\0"));
    }
}
