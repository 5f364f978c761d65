//! What the caller asks for and what the kernel granted.

use std::fmt;

/// How to open a file or block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UringOptions {
    /// Bytes per block: a power of two, 512 to 4096, not below a block device's own. `None`: a block device's own,
    /// 4096 for a file.
    pub block_size: Option<u32>,
    /// Create the file, sparse, of this many bytes if it does not exist. A file that exists stays as it is.
    pub create_bytes: Option<u64>,
    /// Bypass the page cache if the file system can.
    pub direct: bool,
    /// Requests held at once: 1 to 32768; other values are brought into that range.
    pub queue_depth: u32,
    /// Register the buffer pool with the kernel, which saves pinning pages per request, if the limit on locked
    /// memory permits.
    pub registered_buffers: bool,
    /// Poll a block device for completions instead of waiting for its interrupts, if it has queues for that (for NVMe:
    /// `nvme.poll_queues`). A reactor with such I/O in flight does not sleep.
    pub polled: bool,
    /// The first to try; weaker ones follow.
    pub task_run: TaskRun,
}

impl Default for UringOptions {
    /// The fastest that the kernel grants, 1024 requests deep; nothing is created.
    fn default() -> Self {
        Self {
            block_size: None,
            create_bytes: None,
            direct: true,
            queue_depth: 1024,
            polled: true,
            registered_buffers: true,
            task_run: TaskRun::Deferred,
        }
    }
}

/// When the kernel finishes requests on this thread. Strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskRun {
    /// Only in `io_uring_enter`, in one go: no interruptions. Linux 6.1.
    Deferred,
    /// In any system call: no interrupts between processors. Linux 5.19.
    Cooperative,
    /// At once, by interrupting the thread.
    Plain,
}

impl TaskRun {
    /// The next weaker one.
    pub(crate) fn weaker(self) -> Option<Self> {
        match self {
            Self::Deferred => Some(Self::Cooperative),
            Self::Cooperative => Some(Self::Plain),
            Self::Plain => None,
        }
    }
}

/// What the kernel granted of the wishes in [`UringOptions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    /// The page cache is bypassed.
    pub direct: bool,
    /// The pool's memory is registered.
    pub registered_buffers: bool,
    /// The file is registered, which saves counting references to it.
    pub registered_file: bool,
    /// Reads and writes are polled for.
    pub polled: bool,
    /// How completions are run.
    pub task_run: TaskRun,
}

impl fmt::Display for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = if self.direct { "direct" } else { "through the page cache" };
        let buffers = if self.registered_buffers { "registered" } else { "unregistered" };
        let file = if self.registered_file { "registered" } else { "unregistered" };
        let run = match self.task_run {
            TaskRun::Deferred => "deferred",
            TaskRun::Cooperative => "cooperative",
            TaskRun::Plain => "plain",
        };
        let how = if self.polled { "polled" } else { "interrupts" };
        write!(f, "{cache}, {buffers} buffers, {file} file, {run} task work, {how}")
    }
}
