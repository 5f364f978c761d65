//! The harness itself: what a guest's script says and how it ends reaches the test unchanged.

use std::time::Duration;

use sluice_vm::{Lab, Machine, MachineConfig};

#[test]
fn scripts_answer_with_their_output_and_exit_code() {
    let Some(lab) = Lab::open() else { return };
    let mut guest = Machine::boot(lab, &MachineConfig { processors: 3, ..MachineConfig::default() });

    assert_eq!(guest.sh("nproc"), "3");
    assert_eq!(guest.sh("yes | head -c 200000").len(), 200_000 - 1);
    let answer = guest.run("echo 'out'; echo \"it's 2\" >&2; exit 7");
    assert_eq!((answer.code, answer.output.as_str()), (7, "out\nit's 2\n"));
    assert_eq!(guest.run("echo $undefined").code, 2);
    let answer = guest.run_within(Duration::from_secs(2), "echo begun; sleep 1000");
    assert_eq!(answer.code, 137);
    assert!(answer.output.starts_with("begun\n"), "{}", answer.output);

    assert_eq!(guest.complaints(), [""; 0]);
    guest.sh("echo '<4>nvme nvme9: made up for the test' > /dev/kmsg");
    assert_eq!(guest.complaints().len(), 1);
    assert!(guest.finish_expecting(&["made up"]).is_none());
}
