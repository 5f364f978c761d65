//! The workloads and the variants.

use crate::connection::{Layout, Source};
use crate::ring;
use crate::target::{Options, Path};
use crate::wire::{Kind, Workload};

/// Every workload by name.
pub fn workloads() -> Vec<(String, Workload)> {
    let mut all = Vec::new();
    for connections in [1, 8] {
        for (kind, letter) in [(Kind::Read, "r"), (Kind::Write, "w")] {
            for depth in [1, 32, 128] {
                all.push((format!("{letter}4k-d{depth}-c{connections}"), Workload { kind, payload_bytes: 4096, depth, connections }));
            }
            all.push((format!("{letter}128k-d16-c{connections}"), Workload { kind, payload_bytes: 128 << 10, depth: 16, connections }));
        }
    }
    all
}

/// Every variant by name.
pub fn variants() -> Vec<(String, Options)> {
    let base = Options::default;
    let ring = ring::Options { buffer_bytes: 64 << 10, buffers: 64, bundle: false, zero_copy: false, plain_send: false, always_enter: false };
    let socket = |name: i32, value: i32| {
        let mut options = Options::default();
        options.socket.push((libc::SOL_SOCKET, name, value));
        options
    };
    let mut all: Vec<(&str, Options)> = vec![
        ("ceiling", Options { path: Path::Ceiling, ..base() }),
        ("ceiling-zero", Options { path: Path::Ceiling, source: Source::ZeroPage, ..base() }),
        ("sock-merged", base()),
        ("sock-zero", Options { source: Source::ZeroPage, ..base() }),
        ("sock-split", Options { layout: Layout::Split, ..base() }),
        ("sock-headroom", Options { layout: Layout::Headroom, ..base() }),
        ("sock-linear", Options { layout: Layout::Linear, ..base() }),
        ("sock-iov64", Options { iovecs: 64, ..base() }),
        ("sock-iov128", Options { iovecs: 128, ..base() }),
        ("sock-iov512", Options { iovecs: 512, ..base() }),
        ("sock-iov1024", Options { iovecs: 1024, ..base() }),
        ("sock-rx64k", Options { receive_bytes: 64 << 10, ..base() }),
        ("sock-rx128k", Options { receive_bytes: 128 << 10, ..base() }),
        ("sock-rx1m", Options { receive_bytes: 1 << 20, ..base() }),
        ("sock-drain4", Options { receives: 4, ..base() }),
        ("sock-phased", Options { phased: true, ..base() }),
        ("epoll", Options { path: Path::Epoll, ..base() }),
        ("scatter", Options { path: Path::Scatter, iovecs: 256, ..base() }),
        ("ring", Options { path: Path::Ring(ring), ..base() }),
        ("ring-16k", Options { path: Path::Ring(ring::Options { buffer_bytes: 16 << 10, buffers: 256, ..ring }), ..base() }),
        ("ring-256k", Options { path: Path::Ring(ring::Options { buffer_bytes: 256 << 10, buffers: 32, ..ring }), ..base() }),
        ("ring-plainsend", Options { path: Path::Ring(ring::Options { plain_send: true, ..ring }), ..base() }),
        ("ring-enter", Options { path: Path::Ring(ring::Options { always_enter: true, ..ring }), ..base() }),
        ("ring-zc", Options { path: Path::Ring(ring::Options { zero_copy: true, ..ring }), ..base() }),
        ("opt-nonodelay", Options { socket: Vec::new(), ..base() }),
        ("opt-buf1m", { let mut o = socket(libc::SO_SNDBUF, 1 << 20); o.socket.push((libc::SOL_SOCKET, libc::SO_RCVBUF, 1 << 20)); o }),
        ("opt-buf4m", { let mut o = socket(libc::SO_SNDBUF, 4 << 20); o.socket.push((libc::SOL_SOCKET, libc::SO_RCVBUF, 4 << 20)); o }),
        ("opt-snd1m", socket(libc::SO_SNDBUF, 1 << 20)),
        ("opt-busypoll50", socket(libc::SO_BUSY_POLL, 50)),
        ("opt-quickack", { let mut o = base(); o.socket.push((libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1)); o }),
        ("opt-noquickack", { let mut o = base(); o.socket.push((libc::IPPROTO_TCP, libc::TCP_QUICKACK, 0)); o }),
        ("opt-reno", Options { congestion: Some("reno"), ..base() }),
        ("opt-bbr", Options { congestion: Some("bbr"), ..base() }),
        ("opt-cubic", Options { congestion: Some("cubic"), ..base() }),
        ("client-trunc", Options { client_drops: true, ..base() }),
    ];
    all.drain(..).map(|(name, options)| (name.to_owned(), options)).collect()
}
