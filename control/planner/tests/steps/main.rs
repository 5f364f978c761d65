//! What is planned, by example: steps as `[needs] action`, and what is found.

mod bed;

use bed::{Bed, HOST_A, HOST_B, hosts, snapshot};
use sluice_planner::{AppSpec, Fact, Finding, Intent, Mismatch, Name, Qos, Source};

#[test]
fn a_volume_comes_with_its_promise_and_is_published_once_it_is_recorded() {
    let mut bed = Bed::new();
    bed.app("shop", 500).volume("data", "shop").access = hosts(&[HOST_A]);
    assert_eq!(bed.steps(), ["[] set app shop to a Min of 500 IOPS", "[0] create volume data of 1024 bytes"]);
    bed.there("data", "shop").promised("shop", 500);
    assert_eq!(bed.steps(), [""; 0], "hosts wait until nobody can take it for one that was never made");
    let created = Fact::VolumeCreated { volume: "data".into(), uuid: "uuid of data".into() };
    assert_eq!(bed.plan().facts, [created]);
    bed.recorded("data");
    assert_eq!(bed.steps(), ["[] publish volume data to 1 hosts"]);
    bed.seen("data").access = hosts(&[HOST_A]);
    assert!(bed.plan().is_done());
}

#[test]
fn a_volume_that_was_there_is_lost_and_not_made_anew() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").uuid = Some("uuid of data".into());
    assert_eq!(bed.steps(), [""; 0]);
    let words = "volume data (uuid of data) is not in pool n1/d0 any more: restore it, or delete it";
    assert_eq!(bed.findings(), [words]);
}

#[test]
fn another_volume_of_the_name_is_left_alone() {
    let mut bed = Bed::new();
    bed.volume("data", "shop");
    bed.there("data", "bank");
    assert_eq!(bed.steps(), [""; 0]);
    let told = bed.findings();
    assert_eq!(told[0], "volume data is not the one on its node: it belongs to app bank");
    assert_eq!(
        told[1],
        "volume data (uuid of data) in pool n1/d0 is an orphan: adopt it, or delete it on its node"
    );
    // Nor is it what is to be deleted, which then is gone.
    bed.spec("data").intent = Intent::Deleted;
    let plan = bed.plan();
    assert!(plan.pools.is_empty());
    assert_eq!(plan.facts, [Fact::VolumeGone { volume: "data".into() }]);
}

#[test]
fn what_was_recorded_is_told_by_its_uuid_alone() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").uuid = Some("uuid of another".into());
    bed.there("data", "shop");
    let mismatch = Mismatch::Uuid { observed: "uuid of data".into() };
    let conflict = Finding::Conflict { volume: "data".into(), mismatch };
    assert!(bed.plan().findings.contains(&conflict));
    assert_eq!(bed.steps(), [""; 0]);
}

#[test]
fn a_host_that_is_taken_off_the_list_is_disconnected_before_others_are_let_in() {
    let mut bed = Bed::new();
    bed.volume("data", "shop");
    bed.there("data", "shop").recorded("data");
    bed.seen("data").access = hosts(&[HOST_A]);
    bed.spec("data").access = hosts(&[HOST_A, HOST_B]);
    assert_eq!(bed.steps(), ["[] publish volume data to 2 hosts"], "who is connected may stay");
    bed.spec("data").access = hosts(&[HOST_B]);
    assert_eq!(bed.steps(), ["[] unpublish volume data", "[0] publish volume data to 1 hosts"]);
    bed.spec("data").access = hosts(&[]);
    assert_eq!(bed.steps(), ["[] unpublish volume data"]);
}

#[test]
fn mins_are_lowered_before_others_are_raised() {
    let mut bed = Bed::new();
    for (app, is, wanted) in [("bank", 100, 900), ("forum", 500, 50), ("shop", 400, 400)] {
        bed.app(app, wanted).promised(app, is);
        bed.volume(app, app);
        bed.there(app, app).recorded(app);
    }
    let expected = ["[] set app forum to a Min of 50 IOPS", "[0] set app bank to a Min of 900 IOPS"];
    assert_eq!(bed.steps(), expected);
}

#[test]
fn a_clone_waits_for_its_source_and_grows_afterwards() {
    let mut bed = Bed::new();
    bed.volume("data", "shop");
    bed.snapshot("data", "monday");
    let clone = bed.volume("copy", "shop");
    clone.source = Some(Source::Snapshot(snapshot("data", "monday")));
    clone.size_bytes = 4096;
    let expected = [
        "[] create volume data of 1024 bytes",
        "[0] take snapshots data@monday",
        "[1] clone volume copy from data@monday",
    ];
    assert_eq!(bed.steps(), expected);
    bed.there("data", "shop").recorded("data").there("copy", "shop").recorded("copy").taken("data", "monday");
    assert_eq!(bed.steps(), ["[] resize volume copy to 4096 bytes"]);
}

#[test]
fn clones_in_a_circle_are_told_of() {
    let mut bed = Bed::new();
    bed.volume("chicken", "shop").source = Some(Source::Volume("egg".into()));
    bed.volume("egg", "shop").source = Some(Source::Volume("chicken".into()));
    assert_eq!(bed.steps(), [""; 0]);
    assert_eq!(bed.findings().len(), 2);
    assert_eq!(bed.findings()[1], "volume chicken cannot be cloned: egg is not in pool n1/d0");
}

#[test]
fn a_volume_does_not_shrink() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").size_bytes = 512;
    bed.there("data", "shop").recorded("data");
    assert_eq!(bed.findings(), ["volume data has 1024 bytes and does not shrink to 512"]);
    assert_eq!(bed.steps(), [""; 0]);
}

#[test]
fn a_group_is_taken_at_once_or_not_at_all() {
    let mut bed = Bed::new();
    for volume in ["data", "log"] {
        bed.volume(volume, "shop");
        bed.there(volume, "shop").recorded(volume);
        bed.snapshot(volume, "monday").group = Some("monday".into());
    }
    assert_eq!(bed.steps(), ["[] take snapshots data@monday, log@monday"]);
    bed.taken("data", "monday");
    assert_eq!(bed.steps(), [""; 0], "the rest would be of another moment");
    assert_eq!(bed.findings(), ["snapshot group monday is not whole: delete it and take another"]);
}

#[test]
fn a_snapshot_that_was_there_is_not_taken_again() {
    let mut bed = Bed::new();
    bed.volume("data", "shop");
    bed.there("data", "shop").recorded("data");
    bed.snapshot("data", "monday").uuid = Some("uuid of monday".into());
    assert_eq!(
        bed.findings(),
        ["snapshot data@monday (uuid of monday) is not in pool n1/d0 any more: delete it"]
    );
    assert_eq!(bed.steps(), [""; 0]);
}

#[test]
fn deletions_come_last_and_in_their_order() {
    let mut bed = Bed::new();
    bed.app("shop", 100).promised("shop", 100);
    bed.volume("data", "shop").intent = Intent::Deleted;
    bed.there("data", "shop").recorded("data").seen("data").access = hosts(&[HOST_A]);
    bed.snapshot("data", "monday").intent = Intent::Deleted;
    bed.taken("data", "monday");
    assert_eq!(
        bed.steps(),
        ["[] delete snapshot data@monday (uuid of monday)"],
        "its UUID is not recorded yet"
    );
    bed.snapshot("data", "monday").uuid = Some("uuid of monday".into());
    let expected = [
        "[] delete snapshot data@monday (uuid of monday)",
        "[] unpublish volume data",
        "[0, 1] delete volume data (uuid of data)",
        "[2] remove app shop",
    ];
    assert_eq!(bed.steps(), expected);
}

#[test]
fn what_a_clone_still_needs_is_held() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").intent = Intent::Deleted;
    bed.there("data", "shop").recorded("data");
    bed.volume("copy", "shop").source = Some(Source::Volume("data".into()));
    let expected = ["[] clone volume copy from data", "[0] delete volume data (uuid of data)"];
    assert_eq!(bed.steps(), expected);
    bed.there("copy", "bank");
    assert_eq!(bed.steps(), [""; 0]);
    assert!(bed.findings().contains(&"data stays until copy is cloned from it".to_owned()));
}

#[test]
fn a_volume_goes_only_after_its_snapshots_are_recorded() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").intent = Intent::Deleted;
    bed.there("data", "shop").recorded("data");
    bed.snapshot("data", "monday");
    assert_eq!(bed.steps(), ["[] take snapshots data@monday"]);
    bed.taken("data", "monday");
    assert_eq!(bed.steps(), [""; 0]);
    bed.snapshot("data", "monday").uuid = Some("uuid of monday".into());
    assert_eq!(bed.steps(), ["[] delete volume data (uuid of data)"]);
    // Then it has no name of its own, and is known all the same.
    bed.gone("data");
    assert_eq!(bed.plan().facts, [Fact::VolumeGone { volume: "data".into() }]);
    assert_eq!(bed.findings(), [""; 0]);
}

#[test]
fn a_snapshot_that_is_held_does_not_hold_its_volume_once_it_is_recorded() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").intent = Intent::Deleted;
    bed.there("data", "shop").recorded("data");
    bed.snapshot("data", "monday").intent = Intent::Deleted;
    bed.taken("data", "monday");
    bed.volume("copy", "shop").source = Some(Source::Snapshot(snapshot("data", "monday")));
    bed.there("copy", "bank");
    let (monday, uuid) = (snapshot("data", "monday"), Name::from("uuid of monday"));
    assert_eq!(bed.plan().facts, [Fact::SnapshotTaken { snapshot: monday, uuid: uuid.clone() }]);
    assert_eq!(bed.steps(), [""; 0]);
    bed.snapshot("data", "monday").uuid = Some(uuid);
    assert_eq!(bed.steps(), ["[] delete volume data (uuid of data)"]);
}

#[test]
fn orphans_are_told_of_and_left_alone() {
    let mut bed = Bed::new();
    bed.there("theirs", "stranger").taken("theirs", "monday").promised("stranger", 10);
    let expected = [
        "volume theirs (uuid of theirs) in pool n1/d0 is an orphan: adopt it, or delete it on its node",
        "snapshot monday (uuid of monday) in pool n1/d0 is an orphan: adopt it, or delete it on its node",
        "app stranger in pool n1/d0 is an orphan: adopt it, or remove it on its node",
    ];
    assert_eq!((bed.steps().len(), bed.findings()), (0, expected.map(str::to_owned).to_vec()));
}

#[test]
fn an_application_that_an_orphan_names_keeps_its_promise() {
    let mut bed = Bed::new();
    bed.app("shop", 100).promised("shop", 100).there("left", "shop");
    assert_eq!(bed.steps(), [""; 0]);
}

#[test]
fn nothing_is_concluded_from_a_pool_that_does_not_answer() {
    let mut bed = Bed::new();
    bed.volume("data", "shop").intent = Intent::Deleted;
    let qos = Qos::default();
    bed.desired.apps.insert("gone".into(), AppSpec { qos, intent: Intent::Deleted });
    bed.silent();
    assert!(bed.plan().is_done());
    assert_eq!(bed.findings(), ["pool n1/d0 does not answer: what is desired there waits"]);
    bed.answers();
    let gone: [Fact; 2] =
        [Fact::VolumeGone { volume: "data".into() }, Fact::AppGone { app: Name::from("gone") }];
    assert_eq!(bed.plan().facts, gone);
}
