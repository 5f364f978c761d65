//! Thin volumes as hosts see them: what is not written reads as zeroes, snapshots keep, clones part, volumes grow, and a
//! full pool fails those writes only that need space.

use crate::harness::association::pattern;
use crate::harness::host::{Host, io};
use crate::harness::{Association, BLOCK, Target, VOLUME_BLOCKS, until};
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::qpair::HostData;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_target::ControlError;
use sluice_target::handle::{SnapshotAsk, VolumeStatus};
use sluice_volume::map::Level;
use sluice_volume::thin::{CloneSpec, Provision};
use sluice_volume::{BlockSize, HostAccess, VolumeError, VolumeSpec};
use uuid::Uuid;
use zerocopy::little_endian::U32;

/// Blocks of 4 KiB in a chunk.
const CHUNK: u64 = 32;

fn ask(volume: &str, name: &str) -> SnapshotAsk {
    SnapshotAsk { volume: volume.to_owned(), name: name.to_owned(), uuid: Uuid::new_v4() }
}

fn snapshot(target: &Target, volume: &str, name: &str) {
    let taken = target.ask(target.handle.snapshot(vec![ask(volume, name)]));
    assert_eq!((taken.len(), taken[0].name.as_str(), taken[0].volume.as_str()), (1, name, volume));
}

/// A clone that every host may reach; its subsystem's NQN.
fn clone(target: &Target, source: &str, name: &str) -> String {
    let spec = CloneSpec { name: name.to_owned(), app: "test".to_owned(), uuid: Uuid::new_v4() };
    target.ask(target.handle.clone_volume(source, spec));
    target.ask(target.handle.publish(name, HostAccess::Any)).nqn
}

fn write(host: &mut Host, lba: u64, stamp: u64, blocks: usize) {
    assert!(host.write(lba, pattern(stamp, blocks), true).is_success(), "{stamp} to {lba}");
}

fn assert_reads(host: &mut Host, lba: u64, stamp: u64, blocks: usize) {
    assert!(host.read(lba, blocks) == Ok(pattern(stamp, blocks)), "{stamp} from {lba}");
}

fn refused<T: std::fmt::Debug>(
    target: &Target,
    question: impl Future<Output = Result<T, ControlError>>,
) -> ControlError {
    target.ask(async { Ok(question.await.expect_err("refused")) })
}

#[test]
fn a_snapshot_keeps_a_clone_parts_and_a_rollback_brings_back() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut association = Association::open(&target, &subsystem, 1);
    let host = &mut association.io[0];
    // Across the border of two chunks, in one command.
    write(host, CHUNK - 4, 1, 8);
    snapshot(&target, "data", "first");
    write(host, CHUNK - 2, 2, 4);
    let mut copy = Association::open(&target, &clone(&target, "data@first", "copy"), 1);
    assert_reads(&mut copy.io[0], CHUNK - 4, 1, 8);
    write(&mut copy.io[0], CHUNK, 3, 1);
    assert_reads(host, CHUNK - 2, 2, 4);
    assert_eq!(host.read(0, 1), Ok(vec![0; BLOCK]), "never written");

    let error = refused(&target, target.handle.rollback("data", "first", false));
    assert!(matches!(error, ControlError::Connected { connections: 2, .. }), "{error}");
    target.ask(target.handle.rollback("data", "first", true));
    assert_reads(host, CHUNK - 4, 1, 8);
    assert_reads(&mut copy.io[0], CHUNK, 3, 1);
    target.until_idle();
}

#[test]
fn a_group_is_of_one_moment_and_told_once() {
    let target = Target::start();
    let [one, two] = ["one", "two"].map(|name| target.volume(name));
    let (mut one, mut two) = (Association::open(&target, &one, 1), Association::open(&target, &two, 1));
    write(&mut one.io[0], 0, 1, 1);
    write(&mut two.io[0], 0, 2, 1);
    let group = || vec![ask("one", "noon"), ask("two", "noon")];
    let taken = target.ask(target.handle.snapshot(group()));
    write(&mut one.io[0], 0, 3, 1);
    let again = target.ask(target.handle.snapshot(group()));
    assert_eq!(
        taken.iter().map(|s| s.uuid).collect::<Vec<_>>(),
        again.iter().map(|s| s.uuid).collect::<Vec<_>>()
    );
    let error = refused(&target, target.handle.snapshot(vec![ask("one", "noon"), ask("two", "dusk")]));
    assert!(matches!(&error, ControlError::GroupExists { name } if name == "one@noon"), "{error}");
    let error = refused(&target, target.handle.snapshot(vec![ask("one", "a"), ask("one", "b")]));
    assert!(matches!(error, ControlError::Volume(VolumeError::GroupTwice { .. })), "{error}");
    for (source, name, stamp) in [("one@noon", "one-copy", 1), ("two@noon", "two-copy", 2)] {
        let mut copy = Association::open(&target, &clone(&target, source, name), 1);
        assert_reads(&mut copy.io[0], 0, stamp, 1);
    }
    assert_eq!(target.ask(target.handle.snapshots("")).len(), 2);
    assert_eq!(target.ask(target.handle.snapshots("two"))[0].name, "noon");
}

fn usage(target: &Target, name: &str) -> (u64, u64, u64) {
    let VolumeStatus { usage, .. } = target.ask(target.handle.volume(name));
    (usage.mapped_blocks, usage.exclusive_chunks, usage.chunks - usage.exclusive_chunks)
}

#[test]
fn space_is_accounted_for_and_changes_are_told() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let host = &mut association.io[0];
    write(host, 0, 1, 8);
    write(host, 4 * CHUNK, 2, 8);
    assert_eq!(usage(&target, "data"), (16, 2, 0));
    snapshot(&target, "data", "a");
    assert_eq!(usage(&target, "data"), (16, 0, 2));
    write(host, 2, 3, 1);
    write(host, 9 * CHUNK, 4, 2);
    // A chunk of its own for each. The blocks around the first are brought along sooner or later.
    let (mapped, own, shared) = usage(&target, "data");
    assert!((mapped, own) == (18, 2) && (1..=2).contains(&shared), "{mapped} {own} {shared}");
    snapshot(&target, "data", "b");

    let page = target.ask(target.handle.changes("data@a", "data@b", 0));
    let tells = |block: u64| {
        page.changes
            .iter()
            .any(|change| change.mapped && (change.start..change.start + change.blocks).contains(&block))
    };
    assert!(tells(2) && tells(9 * CHUNK) && tells(9 * CHUNK + 1), "{page:?}");
    assert!(
        !tells(4 * CHUNK) && !tells(9 * CHUNK + 2),
        "another chunk, and what was never written: {page:?}"
    );
    let from = page.next.map(|next| target.ask(target.handle.changes("data@a", "data@b", next)));
    assert!(from.is_none_or(|rest| rest.changes.is_empty()), "the rest is the same");
    let all = target.ask(target.handle.changes("", "data@b", 0));
    assert_eq!(all.changes.iter().map(|change| change.blocks).sum::<u64>(), 18);
    let error = refused(&target, target.handle.changes("data@a", "data", 0));
    assert!(matches!(error, ControlError::NotSnapshot { .. }), "{error}");

    target.ask(target.handle.delete_snapshot("data@a"));
    target.ask(target.handle.delete_snapshot("data@b"));
    until("space to come back", || (usage(&target, "data").2 == 0).then_some(()));
    assert_eq!(usage(&target, "data").0, 18);
    assert!(matches!(
        refused(&target, target.handle.delete_snapshot("data@a")),
        ControlError::NotFound { .. }
    ));
}

fn admin(opcode: AdminOpcode, cdw10: u32, cdw11: u32) -> Sqe {
    Sqe { opcode: opcode.wire(), cdw10: U32::new(cdw10), cdw11: U32::new(cdw11), ..Sqe::default() }
}

/// Size in blocks as Identify Namespace tells it.
fn identified(host: &mut Host) -> u64 {
    let sqe = Sqe { nsid: U32::new(1), ..admin(AdminOpcode::Identify, 0, 0) };
    let reply = host.run(sqe, HostData::In { length: 4096 }, false);
    assert_eq!(reply.status(), Status::SUCCESS);
    u64::from_le_bytes(reply.data[..8].try_into().expect("eight bytes"))
}

#[test]
fn a_volume_grows_under_its_host() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let namespace_notices = admin(AdminOpcode::SetFeatures, 0x0b, 1 << 8);
    assert!(association.admin.run(namespace_notices, HostData::None, false).status().is_success());
    let request = admin(AdminOpcode::AsyncEventRequest, 0, 0);
    let event = association.admin.submit(request, HostData::None, false);
    assert_eq!(identified(&mut association.admin), VOLUME_BLOCKS);
    assert_eq!(association.io[0].read(VOLUME_BLOCKS, 1), Err(Status::LBA_OUT_OF_RANGE.dnr()));

    let grown = 3 * VOLUME_BLOCKS / 2;
    let size_bytes = grown * 4096;
    let status = target.ask(target.handle.resize("data", size_bytes));
    assert_eq!(status.size_bytes, size_bytes);
    assert_eq!(association.admin.wait(event).cqe.dw0.get(), 0x0004_0002, "namespace attributes changed");
    assert_eq!(identified(&mut association.admin), grown);
    write(&mut association.io[0], grown - 1, 1, 1);
    assert_reads(&mut association.io[0], grown - 1, 1, 1);
    assert_eq!(association.io[0].read(grown, 1), Err(Status::LBA_OUT_OF_RANGE.dnr()));

    target.ask(target.handle.resize("data", size_bytes));
    let error = refused(&target, target.handle.resize("data", 4096));
    assert!(matches!(error, ControlError::Volume(VolumeError::Shrink { .. })), "{error}");
}

/// 256 MiB of device under a volume of 512 MiB.
#[test]
fn a_full_pool_fails_what_needs_space_and_recovers() {
    let target = Target::start();
    let spec = VolumeSpec {
        name: "big".to_owned(),
        app: "test".to_owned(),
        size_bytes: 512 << 20,
        block_size: BlockSize::B4096,
        uuid: Uuid::new_v4(),
    };
    target.ask(target.handle.create_volume(spec, Provision::Thin));
    let subsystem = target.ask(target.handle.publish("big", HostAccess::Any)).nqn;
    let mut association = Association::open(&target, &subsystem, 1);
    let host = &mut association.io[0];
    // One block takes a chunk.
    let chunks = (0..4096)
        .find(|chunk| host.write(chunk * CHUNK, pattern(*chunk, 1), true) == Status::CAPACITY_EXCEEDED);
    let chunks = chunks.expect("256 MiB hold less than 4096 chunks of 128 KiB");
    let pool = target.ask(target.handle.pool());
    assert_eq!((pool.level, pool.free_bytes), (Level::Full, 0));
    write(host, 0, 7, 1);
    write(host, 1, 8, 1);
    assert_reads(host, CHUNK * (chunks - 1), chunks - 1, 1);
    assert_eq!(host.run(io(NvmOpcode::Flush, 0, 1), HostData::None, false).status(), Status::SUCCESS);

    let mut zeroes = io(NvmOpcode::WriteZeroes, 0, usize::try_from(CHUNK * 64).expect("few"));
    zeroes.cdw12 = U32::new(zeroes.cdw12.get() | 1 << 25);
    assert_eq!(host.run(zeroes, HostData::None, false).status(), Status::SUCCESS);
    assert_eq!(host.read(0, 1), Ok(vec![0; BLOCK]));
    write(host, CHUNK * chunks, 9, 1);
    assert_reads(host, CHUNK * chunks, 9, 1);
    until("space to come back", || (target.ask(target.handle.pool()).level != Level::Full).then_some(()));
    target.until_idle();
}

#[test]
fn thick_volumes_have_what_they_were_promised() {
    let target = Target::start();
    let spec = |name: &str, mebibytes: u64| VolumeSpec {
        name: name.to_owned(),
        app: "test".to_owned(),
        size_bytes: mebibytes << 20,
        block_size: BlockSize::B4096,
        uuid: Uuid::new_v4(),
    };
    let before = target.ask(target.handle.pool()).free_bytes;
    target.ask(target.handle.create_volume(spec("thick", 200), Provision::Thick));
    let pool = target.ask(target.handle.pool());
    assert_eq!((before - pool.free_bytes, pool.promised_bytes), (200 << 20, 200 << 20));
    let error = refused(&target, target.handle.create_volume(spec("more", 200), Provision::Thick));
    assert!(matches!(error, ControlError::Volume(VolumeError::PoolFull { .. })), "{error}");
    let error = refused(&target, target.handle.create_volume(spec("thick", 200), Provision::Thin));
    assert!(matches!(error, ControlError::Exists { differs: "provision", .. }), "{error}");
    target.ask(target.handle.create_volume(spec("thin", 200), Provision::Thin));
}

/// Deleted in the order that leaves each without its parent.
#[test]
fn what_is_left_of_a_deleted_volume_goes_by_its_uuid() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    write(&mut association.io[0], 5, 1, 1);
    snapshot(&target, "data", "kept");
    drop(association);
    target.ask(target.handle.unpublish("data"));
    target.ask(target.handle.delete_volume("data"));
    let orphan = target.ask(target.handle.snapshots("")).remove(0);
    assert_eq!((orphan.volume.as_str(), orphan.name.as_str()), ("", "kept"));
    let uuid = orphan.uuid.to_string();
    let mut copy = Association::open(&target, &clone(&target, &uuid, "copy"), 1);
    assert_eq!(target.ask(target.handle.volume("copy")).origin, uuid);
    target.ask(target.handle.delete_snapshot(&uuid));
    assert_reads(&mut copy.io[0], 5, 1, 1);
    assert_eq!(target.ask(target.handle.volume("copy")).origin, "");
}
