//! Every limit one step either side, and the printed defaults against what is parsed.

use std::time::Duration;

use sluice_reactor::Polling;
use sluice_target::TargetConfig;

use super::{ApiListen, Config, ConfigError, Format, RawConfig, Source, Volatile, default_config};

fn parse(text: &str) -> Result<Config, ConfigError> {
    text.parse()
}

/// A value for one key of one table; devices get the keys they need.
fn with(table: &str, key: &str, value: &str) -> String {
    match table {
        "device" => format!("[[device]]\nname = \"d\"\nuri = \"file:/d\"\n{key} = {value}\n"),
        _ => format!("[{table}]\n{key} = {value}\n"),
    }
}

#[test]
fn every_numeric_limit_one_step_either_side() {
    let table = [
        ("nvme_tcp", "max_transfer_bytes", 4096_u64, 1 << 20, "in_capsule_bytes = 0\nbuffer_bytes = '64MiB'"),
        ("nvme_tcp", "in_capsule_bytes", 0, 65536, ""),
        ("nvme_tcp", "queue_entries", 2, 1024, ""),
        ("nvme_tcp", "io_queues", 1, 128, ""),
        ("nvme_tcp", "connections", 1, 4096, ""),
        ("nvme_tcp", "buffer_bytes", 256 << 10, 64 << 30, "in_capsule_bytes = 0\nmax_transfer_bytes = 4096"),
        ("nvme_tcp", "pending_handshakes", 1, 4096, ""),
        ("nvme_tcp", "handshake_timeout_ms", 100, 60_000, ""),
        ("nvme_tcp", "keep_alive_max_ms", 1000, 3_600_000, ""),
        ("nvme_tcp", "drain_timeout_ms", 0, 60_000, ""),
        ("reactor", "spin_us", 0, 1_000_000, ""),
        ("device", "size", 16 << 20, 1 << 50, ""),
        ("device", "core", 0, 1023, ""),
    ];
    for (section, key, lowest, highest, others) in table {
        let parse = |value: &str| parse(&(with(section, key, value) + others));
        for value in [lowest, highest] {
            parse(&value.to_string()).unwrap_or_else(|error| panic!("{key} = {value}: {error}"));
        }
        for value in [lowest.checked_sub(1), Some(highest + 1)].into_iter().flatten() {
            let error = parse(&value.to_string()).expect_err(key).to_string();
            assert!(error.contains(key) && error.contains("must be"), "{key} = {value}: {error}");
        }
        parse("-1").expect_err(key);
    }
}

#[test]
fn values_between_the_limits_must_fit_too() {
    let table = [
        ("nvme_tcp", "max_transfer_bytes", "12288", "power of two"),
        ("nvme_tcp", "in_capsule_bytes", "8193", "multiple of 16"),
        ("nvme_tcp", "listen", "[]", "1 to 8"),
        ("nvme_tcp", "listen", "['a:1']", "ADDRESS:PORT"),
        ("nvme_tcp", "listen", "['127.0.0.1']", "ADDRESS:PORT"),
        ("node", "name", "'a b'", "1 to 63"),
        ("node", "log", "'target=noise'", "level"),
        ("node", "log", "' '", "level"),
        ("api", "listen", "'nonsense'", "unix:PATH"),
        ("api", "listen", "'localhost:1'", "IP address"),
        ("api", "listen", "'0.0.0.0:1'", "loopback"),
        ("api", "socket_mode", "'0600'", "three octal"),
        ("api", "socket_mode", "'68'", "three octal"),
        ("api", "socket_mode", "'+66'", "three octal"),
        ("api", "socket_mode", "'680'", "three octal"),
        ("reactor", "polling", "'sometimes'", "adaptive"),
        ("device", "size", "16777217", "multiple of 1MiB"),
        ("device", "block_size", "1024", "512 or 4096"),
        ("device", "format", "'always'", "if-blank"),
        ("device", "pool", "'disk'", "UUID of a pool"),
        ("device", "pool", "'00000000-0000-0000-0000-000000000000'", "UUID of a pool"),
    ];
    for (section, key, value, says) in table {
        let error = parse(&with(section, key, value)).expect_err(key).to_string();
        assert!(error.contains(key) && error.contains(says), "{key} = {value}: {error}");
    }
}

#[test]
fn limits_fit_each_other() {
    let small = "[nvme_tcp]\nmax_transfer_bytes = '4KiB'\n";
    parse(&format!("{small}in_capsule_bytes = '4KiB'")).expect("equal is allowed");
    let error = parse(&format!("{small}in_capsule_bytes = 4112")).expect_err("larger is not");
    assert!(error.to_string().contains("at most max_transfer_bytes"), "{error}");
    let large = "[nvme_tcp]\nmax_transfer_bytes = '1MiB'\n";
    parse(&format!("{large}buffer_bytes = '64MiB'")).expect("64 transfers");
    let error = parse(&format!("{large}buffer_bytes = 67108863")).expect_err("one byte less");
    assert!(error.to_string().contains("nvme_tcp.buffer_bytes"), "{error}");
}

#[test]
fn listeners_one_to_eight() {
    let listen = |n: usize| format!("[nvme_tcp]\nlisten = {:?}", vec!["127.0.0.1:0"; n]);
    assert_eq!(parse(&listen(1)).expect("one").listen.len(), 1);
    assert_eq!(parse(&listen(8)).expect("eight").listen.len(), 8);
    parse(&listen(9)).expect_err("nine");
}

#[test]
fn node_names_one_to_sixty_three() {
    let name = |n: usize| format!("[node]\nname = '{}'", "a".repeat(n));
    assert_eq!(parse(&name(1)).expect("1").name.len(), 1);
    assert_eq!(parse(&name(63)).expect("63").name.len(), 63);
    parse(&name(64)).expect_err("64");
    assert!(!parse("").expect("the host's name").name.is_empty());
}

#[test]
fn device_names_are_dns_labels() {
    let device = |name: &str| format!("[[device]]\nname = '{name}'\nuri = 'null:16MiB'");
    for name in ["a", "disk-0", &"a".repeat(63)] {
        parse(&device(name)).expect(name);
    }
    for name in ["", "A", "-a", "a-", "a.b", "a_b", &"a".repeat(64)] {
        let error = parse(&device(name)).expect_err(name).to_string();
        assert!(error.contains("device.name"), "{error}");
    }
}

#[test]
fn device_uris() {
    let source =
        |keys: &str| parse(&format!("[[device]]\nname = 'd'\n{keys}")).map(|c| c.devices[0].source.clone());
    let file = Source::File { path: "/a:b".into(), block_size: 512, create_bytes: Some(1 << 30) };
    assert_eq!(source("uri = 'file:/a:b'\nsize = '1GiB'\nblock_size = 512").expect("file"), file);
    assert_eq!(source("uri = 'uring:/dev/x'").expect("uring"), Source::Block { path: "/dev/x".into() });
    let address = "0000:01:00.0".parse().expect("an address");
    for (uri, namespace) in [("pcie:0000:01:00.0", None), ("pcie:01:00.0/2", Some(2))] {
        let drive = Source::Pcie { address, namespace, queue_pairs: 1 };
        assert_eq!(source(&format!("uri = '{uri}'")).expect(uri), drive);
    }
    for wrong in ["pcie:nvme0", "pcie:0000:01:00.0/0", "pcie:0000:01:00.0/", "pcie:0000:01:00.0/x"] {
        source(&format!("uri = '{wrong}'")).expect_err(wrong);
    }
    source("uri = 'pcie:01:00.0'\nblock_size = 512").expect_err("a drive tells its own");
    let spread = source("uri = 'pcie:01:00.0'\nqueue_pairs = 8").expect("a power of two");
    assert!(matches!(spread, Source::Pcie { queue_pairs: 8, .. }), "{spread:?}");
    for wrong in [
        "pcie:01:00.0'\nqueue_pairs = 3",
        "pcie:01:00.0'\nqueue_pairs = 32",
        "memory:16MiB'\nqueue_pairs = 2",
    ] {
        source(&format!("uri = '{wrong}")).expect_err(wrong);
    }
    let shape = Volatile { size_bytes: 16 << 20, block_size: 4096 };
    assert_eq!(source("uri = 'memory:16MiB'").expect("memory"), Source::Memory(shape));
    assert_eq!(source("uri = 'null:16MiB'").expect("null"), Source::Null(shape));
    let cached = Source::Cached { path: "/c".into(), shape };
    assert_eq!(source("uri = 'cached:/c'\nsize = '16MiB'").expect("cached"), cached);
    let bad = [
        "uri = 'cached:/c'",
        "uri = 'file:'",
        "uri = 'spdk:x'",
        "uri = '/dev/x'",
        "uri = 'memory:16MB'",
        "uri = 'memory:15MiB'",
        "uri = 'null:16777217'",
        "uri = 'null:1025TiB'",
        "uri = 'null:16MiB'\nsize = '16MiB'",
        "uri = 'memory:16MiB'\ndies = 4",
        "uri = 'ssd:16MiB'\ndies = 0",
        "uri = 'memory:16MiB'\nslowdown = 4",
        "uri = 'ssd:16MiB'\nslowdown = 0",
        "uri = 'uring:/dev/x'\nsize = '16MiB'",
        "uri = 'ng:/dev/ng0n1'\nsize = '16MiB'",
        "uri = 'uring:/dev/x'\nblock_size = 512",
    ];
    for keys in bad {
        let error = source(keys).expect_err(keys).to_string();
        assert!(error.contains("device."), "{keys}: {error}");
    }
}

#[test]
fn sources_are_shown_as_configured() {
    for uri in
        ["file:/var/lib/a", "uring:/dev/nvme0n1", "ng:/dev/ng0n1", "memory:64MiB", "ssd:64MiB", "null:1TiB"]
    {
        let config = parse(&format!("[[device]]\nname = 'd'\nuri = '{uri}'")).expect(uri);
        assert_eq!(config.devices[0].source.to_string(), uri);
    }
}

#[test]
fn devices_share_neither_name_nor_spinning_core() {
    let pair = |names: [&str; 2], cores: [u32; 2], polling: &str| {
        let device =
            |i: usize| format!("[[device]]\nname='{}'\nuri='null:16MiB'\ncore={}\n", names[i], cores[i]);
        parse(&format!("[reactor]\npolling='{polling}'\n{}{}", device(0), device(1)))
    };
    pair(["a", "b"], [1, 2], "always").expect("apart");
    pair(["a", "b"], [1, 1], "adaptive").expect("sleepers may share");
    pair(["a", "b"], [1, 1], "always").expect_err("spinners may not");
    pair(["a", "a"], [1, 2], "adaptive").expect_err("one name");
}

#[test]
fn a_network_api_is_a_danger() {
    let text = "[api]\nlisten = '0.0.0.0:4421'\n[danger_zone]\napi_on_network = true";
    assert_eq!(parse(text).expect("allowed").api, ApiListen::Tcp(([0, 0, 0, 0], 4421).into()));
}

#[test]
fn unknown_keys_are_errors_with_their_place() {
    for text in ["nod = 1", "[node]\nnaem = 'a'", "[[device]]\nname = 'd'\nurl = 'x'", "[extra]"] {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains("unknown field") && error.contains("line"), "{error}");
    }
}

#[test]
fn an_empty_file_is_the_default() {
    let config = parse("").expect("defaults");
    assert_eq!(config.polling, Polling::Adaptive { spin: Duration::from_micros(50) });
    assert_eq!(config.api, ApiListen::Unix { path: "/run/sluice/node.sock".into(), mode: 0o600 });
    assert_eq!(config.listen, vec![([127, 0, 0, 1], 4420).into()]);
    let calibration = Duration::from_millis(500);
    assert_eq!(config.target, TargetConfig { calibration, ..TargetConfig::default() });
    assert!(config.devices.is_empty());
    assert_eq!(config, RawConfig::default().resolve().expect("the same"));
}

#[test]
fn the_printed_default_is_the_default() {
    assert_eq!(parse(&default_config()).expect("parses"), parse("").expect("defaults"));
}

#[test]
fn the_printed_default_shows_every_option() {
    let text = default_config();
    let options = [
        "name",
        "uri",
        "size",
        "block_size",
        "core",
        "format",
        "max_transfer_bytes",
        "spin_us",
        "api_on_network",
    ];
    for option in options {
        let shown = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{option} ="));
        assert!(text.lines().any(shown), "{option}");
    }
    assert!(text.contains("# Range: \"4KiB\" to \"1MiB\".\nmax_transfer_bytes = \"128KiB\"\n"), "{text}");
    assert!(!text.lines().any(|line| line.ends_with(' ')), "trailing blanks");
}

#[test]
fn the_example_is_valid() {
    let config = parse(include_str!("../../../../deploy/sluiced.toml")).expect("deploy/sluiced.toml");
    assert!(config.devices.iter().any(|device| device.format == Format::Never));
}
