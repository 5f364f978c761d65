//! The workloads and the variants, by name. The first variant is the ceiling.

use crate::connection::{Layout, Source};
use crate::path::{Options, Path, RingOptions};
use crate::wire::{Mix, Workload};

/// Name of the variant that all others are compared with.
pub(crate) const CEILING: &str = "ceiling";

/// Every workload.
pub(crate) fn workloads() -> Vec<(String, Workload)> {
    let mut all = Vec::new();
    for connections in [1, 8] {
        for (mix, letter) in [(Mix::Read, 'r'), (Mix::Write, 'w'), (Mix::Mixed, 'm')] {
            for (payload_kib, depth) in [(4, 1), (4, 32), (4, 128), (128, 16)] {
                let name = format!("{letter}{payload_kib}k-d{depth}-c{connections}");
                all.push((name, Workload { mix, payload_bytes: payload_kib << 10, depth, connections }));
            }
        }
    }
    all
}

/// Every variant.
pub(crate) fn variants() -> Vec<(&'static str, Options)> {
    let mut all = socket_calls();
    all.extend(tuned());
    all.extend(rings());
    all.extend(socket_options());
    all
}

fn base() -> Options {
    Options::default()
}

fn socket_calls() -> Vec<(&'static str, Options)> {
    let zero_copy = with(&[(libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)]);
    vec![
        (CEILING, Options { path: Path::Ceiling, ..base() }),
        ("ceiling-zero", Options { path: Path::Ceiling, source: Source::ZeroPage, ..base() }),
        ("sock-merged", base()),
        ("sock-zero", Options { source: Source::ZeroPage, ..base() }),
        ("sock-split", Options { layout: Layout::Split, ..base() }),
        ("sock-headroom", Options { layout: Layout::Headroom, ..base() }),
        ("sock-linear", Options { layout: Layout::Linear, ..base() }),
        ("sock-zerocopy", Options { send_flags: libc::MSG_ZEROCOPY, ..zero_copy }),
        ("epoll", Options { path: Path::Epoll, ..base() }),
        ("epoll-pause16", Options { path: Path::Epoll, pause: 16, ..base() }),
        ("scatter", Options { path: Path::Scatter, ..base() }),
        ("splice", Options { path: Path::Splice, ..base() }),
        ("splice-zero", Options { path: Path::Splice, source: Source::ZeroPage, ..base() }),
        ("splice-headroom", Options { path: Path::Splice, layout: Layout::Headroom, ..base() }),
    ]
}

fn tuned() -> Vec<(&'static str, Options)> {
    vec![
        ("sock-iov64", Options { iovecs: 64, ..base() }),
        ("sock-iov128", Options { iovecs: 128, ..base() }),
        ("sock-iov512", Options { iovecs: 512, ..base() }),
        ("sock-rx64k", Options { receive_bytes: 64 << 10, ..base() }),
        ("sock-rx128k", Options { receive_bytes: 128 << 10, ..base() }),
        ("sock-rx1m", Options { receive_bytes: 1 << 20, ..base() }),
        ("sock-drain4", Options { receives: 4, ..base() }),
        ("sock-phased", Options { phased: true, ..base() }),
        ("sock-pause16", Options { pause: 16, ..base() }),
        ("sock-pause64", Options { pause: 64, ..base() }),
        ("sock-pause256", Options { pause: 256, ..base() }),
        ("client-trunc", Options { client_drops: true, ..base() }),
    ]
}

fn rings() -> Vec<(&'static str, Options)> {
    let base = RingOptions {
        buffer_bytes: 64 << 10,
        buffers: 64,
        bundle: false,
        zero_copy: false,
        plain_send: false,
        always_enter: false,
    };
    let small = RingOptions { buffer_bytes: 16 << 10, buffers: 256, ..base };
    let all = [
        ("ring", base),
        ("ring-16k", small),
        ("ring-256k", RingOptions { buffer_bytes: 256 << 10, buffers: 32, ..base }),
        ("ring-bundle", RingOptions { bundle: true, ..small }),
        ("ring-plainsend", RingOptions { plain_send: true, ..base }),
        ("ring-enter", RingOptions { always_enter: true, ..base }),
        ("ring-zc", RingOptions { zero_copy: true, ..base }),
    ];
    all.map(|(name, ring)| (name, Options { path: Path::Ring(ring), ..Options::default() })).into()
}

fn socket_options() -> Vec<(&'static str, Options)> {
    use libc::{IPPROTO_TCP, SO_BUSY_POLL, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_QUICKACK};
    let buffers = |bytes| with(&[(SOL_SOCKET, SO_SNDBUF, bytes), (SOL_SOCKET, SO_RCVBUF, bytes)]);
    vec![
        ("opt-buf1m", buffers(1 << 20)),
        ("opt-buf4m", buffers(4 << 20)),
        ("opt-snd1m", with(&[(SOL_SOCKET, SO_SNDBUF, 1 << 20)])),
        ("opt-busypoll50", with(&[(SOL_SOCKET, SO_BUSY_POLL, 50)])),
        ("opt-quickack", with(&[(IPPROTO_TCP, TCP_QUICKACK, 1)])),
        ("opt-noquickack", with(&[(IPPROTO_TCP, TCP_QUICKACK, 0)])),
        ("opt-nodelay-off", Options { socket: Vec::new(), ..base() }),
        ("opt-reno", Options { congestion: Some("reno"), ..base() }),
        ("opt-bbr", Options { congestion: Some("bbr"), ..base() }),
        ("opt-cubic", Options { congestion: Some("cubic"), ..base() }),
    ]
}

fn with(options: &[(i32, i32, i32)]) -> Options {
    let mut all = base();
    all.socket.extend_from_slice(options);
    all
}
