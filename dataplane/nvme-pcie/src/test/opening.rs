//! How controllers come up, and why some do not.

use sluice_device::{BlockDevice, Nanos};

use super::rig::{Rig, open, pool};
use crate::model::{Config, Model};
use crate::{Options, StartError};

fn refusal(config: Config, options: Options, prepare: impl FnOnce(&Model)) -> StartError {
    let model = Model::new(config);
    prepare(&model);
    let refusal = open(&model, &pool(), options, |_| {}).unwrap_err();
    assert_eq!(model.counts().cut_off, 1, "a controller that is not used reaches no memory");
    refusal
}

#[test]
fn a_device_describes_itself_as_its_controller_does() {
    let rig = Rig::new(Config::default(), Options { name: "0000:01:00.0".to_owned(), ..Options::default() });
    let info = rig.device.info();
    assert_eq!((info.name.as_str(), info.kind), ("0000:01:00.0", "nvme-pcie"));
    assert_eq!((info.model.as_str(), info.serial.as_str()), ("Sluice model controller", "MODEL-0001"));
    assert_eq!((info.block_size, info.blocks, info.queue_depth), (512, 16_384, 255));
    assert_eq!((info.max_transfer_blocks, info.max_write_zeroes_blocks), (1024, 256));
    assert!(info.volatile_write_cache && info.fua && !info.deallocate_reads_zeroes);
    assert_eq!(rig.model.counts().enabled, 1);
}

#[test]
fn one_namespace_is_chosen_and_of_several_one_must_be_named() {
    let several = Config { namespaces: 3, ..Config::default() };
    let named = |namespace| Options { namespace, ..Options::default() };
    let nothing = |_: &Model| {};
    assert_eq!(refusal(several.clone(), named(None), nothing), StartError::WhichNamespace { count: 3 });
    assert_eq!(refusal(several.clone(), named(Some(4)), nothing), StartError::NoNamespace);
    let none = Config { namespaces: 0, ..Config::default() };
    assert_eq!(refusal(none, named(None), nothing), StartError::NoNamespace);
    assert_eq!(Rig::new(several, named(Some(3))).device.facts().nsid, 3);
    assert_eq!(Rig::new(Config::default(), named(None)).device.facts().nsid, 1);
}

#[test]
fn controllers_that_never_get_ready_are_given_up() {
    let config = Config::default;
    let stuck = refusal(config(), Options::default(), |model| model.faults(|faults| faults.stuck = true));
    assert_eq!(stuck, StartError::Timeout { doing: "become ready", waited_ms: 1000 });
    let deaf = refusal(config(), Options::default(), |model| model.faults(|faults| faults.deaf = true));
    assert_eq!(deaf, StartError::Timeout { doing: "answer", waited_ms: 15_000 });
    let gone = refusal(config(), Options::default(), Model::remove);
    assert_eq!(gone, StartError::Unsupported { lacks: "does not answer" });
    assert_eq!(refusal(config(), Options::default(), Model::request_removal), StartError::RemovalRequested);
}

#[test]
fn the_shortest_queue_there_is_serves() {
    let mut rig = Rig::new(Config { queue_entries: 2, ..Config::default() }, Options::default());
    assert_eq!(rig.device.info().queue_depth, 1);
    assert_eq!([0, 1, 2].map(|lba| rig.read(lba)), [0; 3]);
}

#[test]
fn weights_and_shadows_are_used_only_where_they_are_offered() {
    let plain = Config { weighted: false, shadow_doorbells: false, ..Config::default() };
    let mut rig = Rig::new(plain, Options::default());
    assert_eq!(rig.read(0), 0);
    let unwished = Options { shadow_doorbells: false, sgl: false, ..Options::default() };
    let rig = Rig::new(Config::default(), unwished);
    assert!(!rig.device.facts().shadow_doorbells && !rig.device.facts().abilities.sgl);
    assert_eq!(rig.device.next_deadline(), None::<Nanos>);
}

#[test]
fn a_controller_is_shut_down_orderly() {
    let mut rig = Rig::new(Config::default(), Options::default());
    assert_eq!(rig.read(3), 0);
    assert!(rig.device.shut_down() > Nanos::ZERO && rig.device.has_shut_down());
    assert_eq!(rig.device.shut_down(), Nanos::ZERO, "once");
    // It is left alone from then on: no look at it makes it serve again.
    assert!(rig.after(20_000).is_empty() && rig.events().is_empty());
    let counts = rig.model.counts();
    assert_eq!((counts.shut_down, counts.enabled), (1, 1));
    let Rig { model, pool, device, .. } = rig;
    drop(device);
    assert_eq!(model.counts().cut_off, 1);
    // The next one to take it over resets it, as ever.
    let again = open(&model, &pool, Options::default(), |_| {}).unwrap();
    assert_eq!((model.counts().enabled, again.info().blocks), (2, 16_384));
}

#[test]
fn a_controller_that_is_gone_is_not_waited_for() {
    let mut rig = Rig::new(Config::default(), Options::default());
    rig.model.remove();
    assert!(rig.device.shut_down() > Nanos::ZERO && rig.device.has_shut_down());
    let mut given_up = Rig::new(Config::default(), Options::default());
    given_up.model.request_removal();
    assert!(given_up.after(1000).is_empty());
    assert_eq!((given_up.device.shut_down(), given_up.device.has_shut_down()), (Nanos::ZERO, true));
}
