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
    while !tasks.iter().all(Task::is_done) {
        let now_ns = clock.now_ns();
        let mut busy = false;
        for task in &mut tasks {
            busy |= task.poll(clock, now_ns);
        }
        if busy {
            busy_ns = now_ns;
        } else if now_ns.saturating_sub(busy_ns) > SPIN_NS {
            sleep(&mut tasks, now_ns);
        }
    }
}

fn sleep(tasks: &mut [Task<'_>], now_ns: u64) {
    let deadline_ns = tasks.iter().filter(|task| !task.is_done()).map(Task::deadline_ns).min();
    let sleep_ns = deadline_ns.map_or(0, |at| at.saturating_sub(now_ns)).min(SLEEP_NS);
    if sleep_ns > SPIN_NS {
        let mut fds = Vec::new();
        let mut add = |fd, flags| fds.push(PollFd::from_borrowed_fd(fd, flags));
        if tasks.iter_mut().all(|task| task.link().arm(&mut add)) {
            let nanoseconds = i64::try_from(sleep_ns).expect("at most SLEEP_NS");
            // An interrupted or failed sleep is a short one.
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: nanoseconds }));
        }
        drop(fds);
        tasks.iter_mut().for_each(|task| task.link().disarm());
    }
}
