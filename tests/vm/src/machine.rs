//! One virtual machine: a qemu process and the agent inside it that runs shell scripts.
//!
//! The agent hangs on a virtio serial port, which is this process's pipe to qemu: what a script prints comes back
//! whole and clean, and a test may do things on the host between two scripts. The serial console goes to a file that
//! is shown when a test fails. `guest/init` is the other end.
//!
//! The processor is emulated (TCG), which takes 5 s to boot and works on every machine; `SLUICE_VM_ACCEL=kvm` uses
//! the hardware where nested virtualization is sound.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::lab::Lab;
use crate::{capture::Capture, drives, initramfs, tool};

/// How long booting may take: 5 s on an idle machine, many times that beside a build.
const BOOT: Duration = Duration::from_secs(180);
/// How much longer than the guest's own time limit the host waits for an answer.
const GRACE: Duration = Duration::from_secs(60);
/// The time limit of a script, unless the caller gives another.
const SCRIPT: Duration = Duration::from_secs(120);

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// Virtual processors, 1 to 8. The kernel opens no more I/O queues than it has processors.
    pub processors: u32,
    /// Whether every packet is kept for [`Machine::finish`] to return.
    pub capture: bool,
    /// Emulated NVMe drives of 256 MiB behind a virtual IOMMU, 0 to 8: `nvme0` and so on to [`Machine::unplug`].
    pub drives: u32,
    /// Programs of this machine that the guest has in `/bin` under these names, with the libraries they need.
    pub programs: Vec<(&'static str, PathBuf)>,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self { processors: 2, capture: false, drives: 0, programs: Vec::new() }
    }
}

/// What a script in the guest left: its exit code, and its standard output and error together.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The exit code, 0 to 255; 137 when the time limit ended the script.
    pub code: u8,
    /// Everything that the script printed.
    pub output: String,
}

/// A running guest. Dropping it switches it off at once; [`Machine::finish`] is the orderly end.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    agent: ChildStdin,
    answers: Receiver<Answer>,
    folder: TempDir,
}

impl Machine {
    /// Boots a guest and waits for its agent. An emulated processor that has to share a busy machine's makes a kernel
    /// panic in boot now and then, long before anything under test begins; so a second and a third try are made.
    ///
    /// # Panics
    ///
    /// When qemu does not start or the guest does not come up; the consoles are on standard error.
    #[must_use]
    pub fn boot(lab: &Lab, config: &MachineConfig) -> Self {
        (0..3).find_map(|_| Self::try_boot(lab, config)).expect("the guest did not boot in three tries")
    }

    fn try_boot(lab: &Lab, config: &MachineConfig) -> Option<Self> {
        let folder = tempfile::tempdir().expect("make a folder for the machine");
        root(lab, config, &folder).expect("make the guest's root file system");
        let mut qemu = command(lab, config, &folder).spawn().expect("start qemu");
        let agent = qemu.stdin.take().expect("qemu's standard input is a pipe");
        let stdout = qemu.stdout.take().expect("qemu's standard output is a pipe");
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || read_answers(stdout, &sender));
        let machine = Self { qemu, agent, answers, folder };
        if machine.answers.recv_timeout(BOOT).is_ok() {
            return Some(machine);
        }
        machine.show_logs();
        None
    }

    /// Shows the ends of qemu's messages and of the console.
    fn show_logs(&self) {
        for name in ["qemu.log", "console.log"] {
            let text = fs::read(self.folder.path().join(name)).unwrap_or_default();
            eprintln!("--- {name}, the end\n{}", tail(&String::from_utf8_lossy(&text), 40));
        }
    }

    /// Runs a shell script and waits for it, two minutes at most.
    ///
    /// # Panics
    ///
    /// When the machine does not answer.
    pub fn run(&mut self, script: &str) -> Answer {
        self.run_within(SCRIPT, script)
    }

    /// [`Machine::run`] with a time limit of its own.
    ///
    /// # Panics
    ///
    /// When the machine does not answer.
    pub fn run_within(&mut self, limit: Duration, script: &str) -> Answer {
        let mut line = format!("{} ", limit.as_secs());
        for byte in script.bytes() {
            write!(line, "{byte:02x}").expect("write to a string");
        }
        line.push('\n');
        self.agent.write_all(line.as_bytes()).expect("the guest is gone");
        let answer = self.answers.recv_timeout(limit + GRACE);
        answer.unwrap_or_else(|_| panic!("the guest did not answer this script:\n{script}"))
    }

    /// Runs a script that must succeed; what it printed, without the last line's end.
    ///
    /// # Panics
    ///
    /// When the script fails; the message has the script, what it printed and the kernel's last messages.
    pub fn sh(&mut self, script: &str) -> String {
        let Answer { code, output } = self.run(script);
        if code != 0 {
            let log = self.run("dmesg | tail -n 30").output;
            panic!(
                "exit code {code} from the guest's script\n{script}\nwhich printed\n{output}--- dmesg, the end\n{log}"
            );
        }
        output.trim_end().to_owned()
    }

    /// Runs a command that prints one JSON document.
    ///
    /// # Panics
    ///
    /// When the command fails or prints something else.
    pub fn json(&mut self, command: &str) -> serde_json::Value {
        let text = self.sh(command);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command}: {error} in\n{text}"))
    }

    /// What the kernel has complained about so far: messages of level warning or worse from NVMe, the block layer or
    /// the file system, and every splat.
    pub fn complaints(&mut self) -> Vec<String> {
        let log = self.sh("dmesg -r");
        log.lines().filter(|line| is_complaint(line)).map(str::to_owned).collect()
    }

    /// Switches the guest off in order; the packets, if they were to be kept.
    ///
    /// # Panics
    ///
    /// When the kernel has complained, or the guest does not switch off.
    pub fn finish(self) -> Option<Capture> {
        self.finish_expecting(&[])
    }

    /// [`Machine::finish`] for a test that provokes complaints: those that contain one of the texts are passed over.
    ///
    /// # Panics
    ///
    /// When the kernel has complained otherwise, or the guest does not switch off.
    pub fn finish_expecting(mut self, expected: &[&str]) -> Option<Capture> {
        let unexpected = |line: &String| !expected.iter().any(|text| line.contains(text));
        let complaints: Vec<String> = self.complaints().into_iter().filter(unexpected).collect();
        assert!(complaints.is_empty(), "the guest's kernel complained:\n{}", complaints.join("\n"));
        self.agent.write_all(b"off\n").expect("the guest is gone");
        // The pipe's end is the machine's end.
        let end = self.answers.recv_timeout(GRACE);
        assert!(
            end.is_err_and(|error| error == mpsc::RecvTimeoutError::Disconnected),
            "the guest did not switch off"
        );
        let packets = self.packets();
        packets.exists().then(|| Capture::new(fs::read(packets).expect("read the captured packets")))
    }

    /// Lets a drive serve no more than so many commands a second; what is over waits inside it. 0: no limit.
    ///
    /// # Panics
    ///
    /// When qemu does not answer.
    pub fn throttle(&self, drive: u32, iops: u32) {
        drives::throttle(self.folder.path(), drive, iops);
    }

    /// Takes a drive away as an operator who presses the button at its slot: the guest is asked to let go of it.
    ///
    /// # Panics
    ///
    /// When qemu does not answer.
    pub fn unplug(&self, drive: u32) {
        drives::unplug(self.folder.path(), drive);
    }

    /// Puts a new, blank drive where one was taken away.
    ///
    /// # Panics
    ///
    /// When qemu does not answer, or the slot is not empty.
    pub fn plug(&self, drive: u32) {
        drives::plug(self.folder.path(), drive);
    }

    fn packets(&self) -> PathBuf {
        self.folder.path().join("packets.pcap")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Failures mean that the process has ended already, which is what is wanted.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        if thread::panicking() {
            self.show_logs();
        }
    }
}

fn command(lab: &Lab, config: &MachineConfig, folder: &TempDir) -> Command {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let accelerator = env::var("SLUICE_VM_ACCEL").unwrap_or_else(|_| "tcg,thread=multi".to_owned());
    let mut command = Command::new(tool::find("qemu-system-x86_64").expect("the lab has checked for qemu"));
    command
        .args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-M",
            "q35",
            "-cpu",
            "max",
        ])
        .args(["-m", "1024", "-smp", &config.processors.to_string(), "-accel", &accelerator])
        .arg("-kernel")
        .arg(lab.kernel())
        .arg("-initrd")
        .arg(file("initramfs"))
        // no_timer_check: an emulated timer on a busy machine may fail the boot's test of it, which is a panic.
        .args([
            "-append",
            "console=ttyS0 quiet panic=-1 mitigations=off nokaslr no_timer_check intel_iommu=on",
        ])
        .args(["-serial", &format!("file:{}", file("console.log"))])
        .args(["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial-pci"])
        .args(["-device", "virtserialport,chardev=agent,name=agent"])
        .args(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]);
    drives::attach(&mut command, config.drives, folder.path());
    if config.capture {
        command.args(["-object", &format!("filter-dump,id=dump,netdev=net,file={}", file("packets.pcap"))]);
    }
    let log = File::create(folder.path().join("qemu.log")).expect("make qemu's log");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    command
}

/// The root file system: the lab's as it is, or with the machine's programs behind it.
fn root(lab: &Lab, config: &MachineConfig, folder: &TempDir) -> io::Result<()> {
    let target = folder.path().join("initramfs");
    if config.programs.is_empty() {
        return std::os::unix::fs::symlink(lab.initramfs(), target);
    }
    fs::copy(lab.initramfs(), &target)?;
    initramfs::append(&config.programs, &target)
}

/// Turns the agent's bytes into answers until the pipe ends. The greeting counts as an answer.
fn read_answers(stdout: ChildStdout, answers: &mpsc::Sender<Answer>) {
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    while stdout.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let Some(answer) = read_answer(line.trim_end(), &mut stdout) else { return };
        if answers.send(answer).is_err() {
            return;
        }
        line.clear();
    }
}

fn read_answer(head: &str, stdout: &mut impl Read) -> Option<Answer> {
    let (code, bytes) = if head == "ready" { ("0", "0") } else { head.split_once(' ')? };
    let mut output = vec![0; bytes.parse().ok()?];
    stdout.read_exact(&mut output).ok()?;
    Some(Answer { code: code.parse().ok()?, output: String::from_utf8_lossy(&output).into_owned() })
}

/// Whether a raw kernel message (`<level>[time] text`) is of level warning (4) or worse and from a layer under test.
fn is_complaint(line: &str) -> bool {
    const SPLATS: [&str; 4] = ["WARNING: ", "BUG: ", "Oops", "blocked for more than"];
    const LAYERS: [&str; 7] = ["nvme", "EXT4", "JBD2", "blk_", "block", "I/O error", "Buffer I/O"];
    let level = line
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .and_then(|(level, _)| level.parse().ok());
    let warning = level.is_some_and(|level: u32| level & 7 <= 4);
    SPLATS.iter().any(|text| line.contains(text)) || warning && LAYERS.iter().any(|text| line.contains(text))
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn only_warnings_of_the_layers_under_test_and_splats_are_complaints() {
        assert!(is_complaint("<4>[    1.0] nvme nvme0: starting error recovery"));
        assert!(is_complaint("<3>[    1.0] EXT4-fs error (device nvme0n1)"));
        assert!(is_complaint("<6>[    1.0] BUG: kernel NULL pointer dereference"));
        assert!(!is_complaint("<6>[    1.0] nvme nvme0: creating 2 I/O queues."));
        assert!(!is_complaint("<4>[    1.0] clocksource: something else"));
    }

    #[test]
    fn an_answer_is_its_head_and_as_many_bytes_as_it_says() {
        let answer = read_answer("3 4", &mut &b"textmore"[..]).unwrap();
        assert_eq!((answer.code, answer.output.as_str()), (3, "text"));
        assert!(read_answer("3 9", &mut &b"text"[..]).is_none());
        assert!(read_answer("garbage", &mut &b""[..]).is_none());
    }

    #[test]
    fn the_tail_of_a_short_text_is_the_text() {
        assert_eq!(tail("a\nb", 3), "a\nb");
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
    }
}
