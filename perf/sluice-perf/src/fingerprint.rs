//! Which machine measured: a result without it cannot be compared.

use std::fs;

use serde::{Deserialize, Serialize};

/// The host as `/proc` and `/sys` tell it. Unknown values are empty or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// CPU model name.
    pub cpu: String,
    /// CPUs this process may run on.
    pub cores: usize,
    /// Whether a hypervisor announces itself.
    pub virtual_machine: bool,
    /// Frequency governor of CPU 0, absent where the kernel controls none.
    pub governor: Option<String>,
    /// Kernel release.
    pub kernel: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Fingerprint {
    /// Reads this machine's.
    #[must_use]
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = field(&cpuinfo, "flags").or_else(|| field(&cpuinfo, "Features")).unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name").unwrap_or_default().to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            virtual_machine: flags.split(' ').any(|flag| flag == "hypervisor"),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            kernel: line("/proc/sys/kernel/osrelease").unwrap_or_default(),
            memory_bytes: memory_bytes().unwrap_or(0),
        }
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let machine = if self.virtual_machine { ", virtual machine" } else { "" };
        let memory = crate::units::show_size(self.memory_bytes);
        write!(f, "{}, {} cores, {memory}, Linux {}{machine}", self.cpu, self.cores, self.kernel)?;
        self.governor.as_ref().map_or(Ok(()), |governor| write!(f, ", governor {governor}"))
    }
}

/// The value of the first `name : value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn memory_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = field(&meminfo, "MemTotal")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2:1\nflags\t\t: fpu hypervisor\n";
        assert_eq!(field(text, "model name"), Some("Some CPU @ 2:1"));
        assert_eq!(field(text, "absent"), None);
    }

    #[test]
    fn this_machine_has_a_kernel() {
        let fingerprint = Fingerprint::read();
        assert!(!fingerprint.kernel.is_empty() && fingerprint.cores >= 1 && fingerprint.memory_bytes > 0);
    }
}
