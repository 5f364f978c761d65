//! Figures for people: times, rates and counts with three or four significant digits.

/// A time in the unit that leaves at least 1: `850 ns`, `12.3 us`, `1.23 ms`, `2.5 s`.
pub(crate) fn duration(ns: u64) -> String {
    let value = ns as f64;
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", digits(value / 1e6)),
        _ => format!("{} s", digits(value / 1e9)),
    }
}

/// Three significant digits below 1000.
fn digits(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A time of hours and days: `3d 4h`, `2h 05m`, `7m 09s`, `12s`.
pub(crate) fn long_duration(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, ..) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// A moment of Unix time in microseconds, to the second: `2026-11-23T15:04:05Z`.
pub(crate) fn date(unix_us: u64) -> String {
    let seconds = unix_us / 1_000_000;
    let (day, time) = (seconds / 86_400, seconds % 86_400);
    // Counted from March of the year 0 in eras of 400 years, whose length is always the same (Hinnant, "days").
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (era * 400 + year, month + 3) } else { (era * 400 + year + 1, month - 9) };
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A count in thousands, millions or billions: `999`, `12.3 K`, `1.23 M`.
pub(crate) fn count(n: u64) -> String {
    let value = n as f64;
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{} K", digits(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{} M", digits(value / 1e6)),
        _ => format!("{} G", digits(value / 1e9)),
    }
}

/// How often per second, given how often in how long. Nothing happens in no time.
pub(crate) fn per_second(n: u64, elapsed_ns: u64) -> u64 {
    let rate = u128::from(n) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod test {
    use super::{count, date, duration, long_duration, per_second};

    #[test]
    fn times() {
        let table = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (12_345, "12.3 us"),
            (999_499, "999 us"),
            (1_234_567, "1.23 ms"),
            (60_000_000_000, "60.0 s"),
        ];
        for (ns, text) in table {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn long_times() {
        let table = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 00s"),
            (3_599, "59m 59s"),
            (3_600, "1h 00m"),
            (90_000, "1d 1h"),
        ];
        for (seconds, text) in table {
            assert_eq!(long_duration(seconds * 1_000_000_000), text);
        }
    }

    #[test]
    fn dates() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_825_600, "2000-02-29T12:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_440_000, "2026-11-23T13:20:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(date(seconds * 1_000_000), text);
        }
    }

    #[test]
    fn counts() {
        let table =
            [(0, "0"), (999, "999"), (1_000, "1.00 K"), (54_321, "54.3 K"), (7_000_000_000, "7.00 G")];
        for (n, text) in table {
            assert_eq!(count(n), text);
        }
    }

    #[test]
    fn rates() {
        assert_eq!(per_second(500, 500_000_000), 1000);
        assert_eq!(per_second(1, 0), 1_000_000_000);
        assert_eq!(per_second(0, 1_000), 0);
        assert_eq!(per_second(u64::MAX, 1), u64::MAX);
    }
}
