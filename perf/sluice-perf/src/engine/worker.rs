//! One engine thread: polls its jobs in turn; with nothing to do it spins for a while, then sleeps until a socket, a
//! device or a deadline wakes it.

use rustix::event::{PollFd, Timespec, poll};

use crate::engine::clock::Clock;
use crate::engine::task::Task;

/// Spinning before sleeping: longer than an I/O of a fast target, so that waking up is not part of its latency.
const SPIN_NS: u64 = 100_000;
/// Longest sleep, so that a stop is seen.
const SLEEP_NS: u64 = 10_000_000;

/// Runs `tasks` to their end.
pub(crate) fn run(mut tasks: Vec<Task<'_>>, clock: Clock) {
    let mut busy_ns = clock.now_ns();
    let mut fds = Vec::new();
    while !tasks.iter().all(Task::is_done) {
        let now_ns = clock.now_ns();
        let mut busy = false;
        for task in &mut tasks {
            busy |= task.poll(clock, now_ns);
        }
        if busy {
            busy_ns = now_ns;
        } else if now_ns.saturating_sub(busy_ns) > SPIN_NS {
            fds = sleep(&mut tasks, now_ns, fds);
        }
    }
}

/// Sleeps unless something is to be done at once. `fds` is nothing but memory to be used again.
fn sleep(tasks: &mut [Task<'_>], now_ns: u64, fds: Vec<PollFd<'static>>) -> Vec<PollFd<'static>> {
    let deadline_ns = tasks.iter().filter(|task| !task.is_done()).map(Task::deadline_ns).min();
    let sleep_ns = deadline_ns.map_or(0, |at| at.saturating_sub(now_ns)).min(SLEEP_NS);
    if sleep_ns <= SPIN_NS {
        return fds;
    }
    let mut armed = emptied(fds);
    let mut add = |fd, flags| armed.push(PollFd::from_borrowed_fd(fd, flags));
    if tasks.iter_mut().all(|task| task.link().arm(&mut add)) {
        let nanoseconds = i64::try_from(sleep_ns).expect("at most SLEEP_NS");
        // An interrupted or failed sleep is a short one.
        let _ = poll(&mut armed, Some(&Timespec { tv_sec: 0, tv_nsec: nanoseconds }));
    }
    let fds = emptied(armed);
    tasks.iter_mut().for_each(|task| task.link().disarm());
    fds
}

/// The memory of `fds` for descriptors of another lifetime: collecting in place allocates nothing.
fn emptied<'b>(mut fds: Vec<PollFd<'_>>) -> Vec<PollFd<'b>> {
    fds.clear();
    fds.into_iter().map(|_| unreachable!("the vector is empty")).collect()
}
