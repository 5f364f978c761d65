//! The bounded ring through which other threads reach a reactor.
//!
//! Sending to an awake reactor is one push into a lock-free queue; the reactor sees it in its next
//! round with one load. Only a sleeping reactor costs the sender a system call. The hand-shake that
//! keeps a wake-up from being lost:
//!
//! ```text
//! reactor: asleep = true; fence; ring empty? -> epoll_wait      sender: push; fence; asleep? -> clear, write eventfd
//! ```
//!
//! With sequentially consistent order one of the two sees the other's store: either the reactor
//! finds the message and does not sleep, or the sender finds `asleep` and writes the eventfd, which
//! is level-triggered in the reactor's epoll set.

use crossbeam_queue::ArrayQueue;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// The ring is full: the reactor is not keeping up with its control messages. Carries the message back.
#[derive(Debug, thiserror::Error)]
#[error("the reactor's control ring is full; try again")]
pub struct RingFull<M>(pub M);

struct Shared<M> {
    queue: ArrayQueue<M>,
    asleep: AtomicBool,
    wake: OwnedFd,
}

/// The sending end; any number of threads may hold one.
pub struct Sender<M>(Arc<Shared<M>>);

/// The reactor's end.
pub struct Receiver<M>(Arc<Shared<M>>);

/// A ring of `capacity` messages.
///
/// # Errors
/// When the kernel gives no eventfd: the process is out of file descriptors.
pub fn ring<M>(capacity: usize) -> Result<(Sender<M>, Receiver<M>), Errno> {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(capacity),
        asleep: AtomicBool::new(false),
        wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
    });
    Ok((Sender(Arc::clone(&shared)), Receiver(shared)))
}

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> std::fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("queued", &self.0.queue.len()).finish()
    }
}

impl<M> std::fmt::Debug for Receiver<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("queued", &self.0.queue.len()).finish()
    }
}

impl<M> Sender<M> {
    /// Sends a message and wakes the reactor if it sleeps.
    ///
    /// # Errors
    /// [`RingFull`] with the message when the ring has no room.
    pub fn send(&self, message: M) -> Result<(), RingFull<M>> {
        self.0.queue.push(message).map_err(RingFull)?;
        fence(Ordering::SeqCst);
        if self.0.asleep.swap(false, Ordering::SeqCst) {
            // A full eventfd counter is as readable as any other: nothing to handle.
            let _ = rustix::io::write(&self.0.wake, &1u64.to_le_bytes());
        }
        Ok(())
    }
}

impl<M> Receiver<M> {
    /// The next message.
    pub fn receive(&mut self) -> Option<M> {
        self.0.queue.pop()
    }

    /// Announces that the reactor is about to sleep. `false`: a message is waiting, do not sleep.
    pub fn arm(&mut self) -> bool {
        self.0.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.0.queue.is_empty() {
            return true;
        }
        self.disarm();
        false
    }

    /// Takes the announcement back, and any wake-up that it brought.
    pub fn disarm(&mut self) {
        self.0.asleep.store(false, Ordering::SeqCst);
        let mut count = [0u8; 8];
        let _ = rustix::io::read(&self.0.wake, &mut count);
    }

    /// Readable when a message was sent to a sleeping reactor.
    #[must_use]
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.0.wake.as_fd()
    }

    /// Whether every sender is gone, so that no message can come any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

#[cfg(test)]
mod test {
    use super::ring;
    use rustix::event::{PollFd, PollFlags, poll};

    #[test]
    fn holds_its_capacity_and_not_one_more() {
        let (sender, mut receiver) = ring(2).unwrap();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(sender.send(3).unwrap_err().0, 3);
        assert_eq!(receiver.receive(), Some(1));
        sender.send(3).unwrap();
        assert_eq!((receiver.receive(), receiver.receive(), receiver.receive()), (Some(2), Some(3), None));
    }

    #[test]
    fn a_waiting_message_forbids_sleep() {
        let (sender, mut receiver) = ring(2).unwrap();
        sender.send(()).unwrap();
        assert!(!receiver.arm());
        receiver.receive();
        assert!(receiver.arm());
    }

    #[test]
    fn no_wake_up_is_lost() {
        let (sender, mut receiver) = ring(4).unwrap();
        let count = 20_000u32;
        let producer = std::thread::spawn(move || {
            for value in 0..count {
                let mut message = value;
                while let Err(full) = sender.send(message) {
                    message = full.0;
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < count {
            while let Some(value) = receiver.receive() {
                assert_eq!(value, expected);
                expected += 1;
            }
            if expected < count && receiver.arm() {
                let mut fds = [PollFd::from_borrowed_fd(receiver.wake_fd(), PollFlags::IN)];
                let timeout = rustix::time::Timespec { tv_sec: 20, tv_nsec: 0 };
                assert_eq!(poll(&mut fds, Some(&timeout)).unwrap(), 1, "slept through a message");
                receiver.disarm();
            }
        }
        producer.join().unwrap();
    }
}
