//! The loop around a service that only counts.

use super::{Config, Context, Flow, Polling, Reactor, Service, SpawnError, Token};
use crate::clock;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use sluice_device::Nanos;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender as StdSender, channel};
use std::time::Duration;

#[derive(Debug)]
enum Message {
    Watch(OwnedFd),
    TimerIn(Duration),
    Count(StdSender<u64>),
    Stop,
}

/// Echoes what its socket brings, counts its rounds, reports its timer.
struct Echo {
    socket: Option<OwnedFd>,
    readable: bool,
    timer: Option<Nanos>,
    fired: StdSender<()>,
    rounds: u64,
    stopped: bool,
}

impl Service for Echo {
    type Message = Message;

    fn message(&mut self, cx: &Context<'_>, message: Message) {
        match message {
            Message::Watch(fd) => {
                cx.watch(&fd, Token(7)).unwrap();
                self.socket = Some(fd);
            }
            Message::TimerIn(after) => {
                self.timer = Some(Nanos(cx.now.0 + u64::try_from(after.as_nanos()).unwrap()))
            }
            Message::Count(reply) => reply.send(self.rounds).unwrap(),
            Message::Stop => self.stopped = true,
        }
    }

    fn ready(&mut self, _: &Context<'_>, token: Token) {
        assert_eq!(token, Token(7));
        self.readable = true;
    }

    fn round(&mut self, cx: &Context<'_>) -> Flow {
        self.rounds += 1;
        if self.stopped {
            return Flow::Stop;
        }
        if self.timer.is_some_and(|at| at <= cx.now) {
            self.timer = None;
            self.fired.send(()).unwrap();
        }
        if std::mem::take(&mut self.readable) {
            let mut byte = [0u8; 16];
            if let Ok(length @ 1..) = rustix::io::read(self.socket.as_ref().unwrap(), &mut byte) {
                rustix::io::write(self.socket.as_ref().unwrap(), &byte[..length]).unwrap();
                return Flow::Busy;
            }
        }
        Flow::Idle
    }

    fn next_deadline(&self) -> Option<Nanos> {
        self.timer
    }
}

fn start(polling: Polling) -> (Reactor<Message>, std::sync::mpsc::Receiver<()>) {
    let (fired, timer) = channel();
    let config = Config { name: "echo".into(), core: None, polling, ring_entries: 8 };
    let build = move || {
        Ok::<_, ()>(Echo { socket: None, readable: false, timer: None, fired, rounds: 0, stopped: false })
    };
    (Reactor::spawn(config, build).unwrap(), timer)
}

fn rounds(reactor: &Reactor<Message>) -> u64 {
    let (reply, count) = channel();
    reactor.sender.send(Message::Count(reply)).unwrap();
    count.recv().unwrap()
}

const SLEEPY: Polling = Polling::Adaptive { spin: Duration::from_micros(20) };

#[test]
fn a_sleeping_reactor_wakes_for_a_socket() {
    for polling in [SLEEPY, Polling::Always] {
        let (reactor, _timer) = start(polling);
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None).unwrap();
        rustix::io::ioctl_fionbio(&theirs, true).unwrap();
        reactor.sender.send(Message::Watch(theirs)).unwrap();
        for _ in 0..200 {
            rustix::io::write(&ours, b"x").unwrap();
            let mut back = [0u8; 1];
            assert_eq!(rustix::io::read(&ours, &mut back).unwrap(), 1);
        }
        reactor.sender.send(Message::Stop).unwrap();
        reactor.thread.join().unwrap();
    }
}

#[test]
fn a_timer_wakes_a_sleeping_reactor() {
    let (reactor, timer) = start(SLEEPY);
    reactor.sender.send(Message::TimerIn(Duration::from_millis(20))).unwrap();
    timer.recv_timeout(Duration::from_secs(20)).unwrap();
    reactor.sender.send(Message::Stop).unwrap();
    reactor.thread.join().unwrap();
}

#[test]
fn an_idle_reactor_sleeps_instead_of_counting_rounds() {
    let (reactor, timer) = start(SLEEPY);
    // The timer bounds the observation in the reactor's own time.
    let before = rounds(&reactor);
    reactor.sender.send(Message::TimerIn(Duration::from_millis(200))).unwrap();
    timer.recv_timeout(Duration::from_secs(20)).unwrap();
    let after = rounds(&reactor);
    // Awake for 20 us per wake-up; a spinning reactor makes millions of rounds in that time.
    assert!(after - before < 50_000, "{} rounds while idle", after - before);
    reactor.sender.send(Message::Stop).unwrap();
    reactor.thread.join().unwrap();
}

#[test]
fn a_failed_start_says_why_and_leaves_no_thread() {
    let config = Config { name: "none".into(), core: None, polling: SLEEPY, ring_entries: 1 };
    let failed = Reactor::<Message>::spawn::<Echo, _, _>(config, || Err("no device"));
    assert!(matches!(failed, Err(SpawnError::Service("no device"))));
    let config = Config { name: "core".into(), core: Some(100_000), polling: SLEEPY, ring_entries: 1 };
    let failed = Reactor::<Message>::spawn::<Echo, (), _>(config, || panic!("must not be built"));
    assert!(matches!(failed, Err(SpawnError::Core { core: 100_000, .. })));
}

#[test]
fn a_deadline_within_a_millisecond_is_kept() {
    let (reactor, timer) = start(Polling::Adaptive { spin: Duration::ZERO });
    // Others may hold the core at any time, but hardly at every one of them; a sleep in whole milliseconds is always
    // too long.
    let shortest = (0..200).map(|_| {
        let begun = clock::now();
        reactor.sender.send(Message::TimerIn(Duration::from_micros(100))).unwrap();
        timer.recv().unwrap();
        clock::now().0 - begun.0
    });
    assert!(shortest.min().is_some_and(|ns| ns < 1_000_000));
    reactor.sender.send(Message::Stop).unwrap();
    reactor.thread.join().unwrap();
}
