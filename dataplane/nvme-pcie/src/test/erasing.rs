//! Drives that are erased before they are used.

use std::cell::RefCell;
use std::rc::Rc;

use sluice_device::{BlockDevice, IoError, Nanos, Op};
use sluice_nvme::admin::format_nvm::SecureErase;
use sluice_nvme::status::Status;

use super::rig::{MS, Rig, WRITE, begin, open, open_erased, pool, results};
use crate::model::{Config, Model};
use crate::{Erase, EraseError, Event, Method, NamespaceError, Options, StartError};

const TO_4096: Erase = Erase::Format { block_size: Some(4096), secure: SecureErase::UserData };

/// What becomes of erasing a model, and what was told meanwhile.
fn erased(model: &Model, erase: Erase) -> (Result<(u32, u64), StartError>, Vec<u8>) {
    let percents = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&percents);
    let device = open_erased(model, erase, move |event| match event {
        Event::Erasing { percent } => told.borrow_mut().push(percent),
        other => panic!("{other}"),
    });
    let shape = device.map(|device| (device.info().block_size, device.info().blocks));
    (shape, percents.take())
}

#[test]
fn a_format_changes_the_blocks_and_loses_the_data() {
    let mut rig = Rig::new(Config::default(), Options::default());
    let write = rig.request(7, WRITE, 0);
    rig.submit(vec![write]);
    assert_eq!((results(&rig.done()), rig.read(0)), (vec![(7, Ok(()))], 7));
    let Rig { model, device, .. } = rig;
    drop(device);
    assert_eq!(erased(&model, TO_4096), (Ok((4096, 2048)), vec![]));
    let mut rig = Rig::over(model, Options::default());
    assert_eq!((rig.read(0), rig.model.counts().formats), (0, 1), "an ordinary start formats nothing");
}

#[test]
fn a_reset_does_not_format_again() {
    let model = Model::new(Config::default());
    let mut device = open_erased(&model, TO_4096, |_| {}).unwrap();
    device.reset(Nanos(1000 * MS));
    for round in 1000..2000 {
        let _ = device.poll(Nanos(round * MS), &mut []);
    }
    assert_eq!((model.counts().formats, model.counts().enabled), (1, 2));
}

#[test]
fn a_namespace_of_no_use_is_of_use_once_it_is_formatted() {
    let model = Model::new(Config { metadata: 8, ..Config::default() });
    let refusal = open(&model, &pool(), Options::default(), |_| {}).unwrap_err();
    assert_eq!(refusal, StartError::Namespace(NamespaceError::Metadata));
    let keep = Erase::Format { block_size: None, secure: SecureErase::None };
    assert_eq!(erased(&model, keep).0, Ok((512, 16_384)));
}

#[test]
fn a_sanitize_is_followed_until_it_is_done() {
    let model = Model::new(Config::default());
    let (outcome, percents) = erased(&model, Erase::Sanitize(Method::BlockErase));
    assert_eq!((outcome, percents), (Ok((512, 16_384)), vec![0, 0, 25, 50, 75]));
    assert_eq!(model.counts().sanitizes, 1);
}

#[test]
fn a_sanitize_found_going_on_is_joined() {
    let model = Model::new(Config::default());
    let opening = begin(&model, &pool(), Options::default(), |_| {});
    let mut opening = opening.erasing(Erase::Sanitize(Method::Overwrite));
    // Long enough to begin it; then whoever wanted it is gone.
    for round in 0..1000 {
        assert!(opening.poll(Nanos(round * MS)).is_none());
    }
    drop(opening);
    let mut rig = Rig::over(model.clone(), Options::default());
    let read = rig.request(1, Op::Read, 0);
    rig.submit(vec![read]);
    assert_eq!(results(&rig.after(1000)), [(1, Err(IoError::Internal))]);
    drop(rig);
    assert_eq!(erased(&model, Erase::Sanitize(Method::Overwrite)).0, Ok((512, 16_384)));
    assert_eq!(model.counts().sanitizes, 1, "the first is as good as a second");
}

#[test]
fn what_cannot_be_erased_is_left_alone() {
    let refusal = |config: Config, erase| {
        let model = Model::new(config);
        let refusal = erased(&model, erase).0.unwrap_err();
        let counts = model.counts();
        assert_eq!((counts.formats, counts.sanitizes, counts.cut_off), (0, 0, 1), "{refusal}");
        refusal
    };
    let unable = Config { erases: false, ..Config::default() };
    assert_eq!(refusal(unable, TO_4096), StartError::Erase(EraseError::NoFormat));
    let methods = vec![Method::BlockErase, Method::Overwrite];
    let crypto = refusal(Config::default(), Erase::Sanitize(Method::CryptoErase));
    assert_eq!(crypto, StartError::Erase(EraseError::NoSanitize { methods }));
}

#[test]
fn erasing_that_fails_is_told() {
    let model = Model::new(Config::default());
    model.faults(|faults| faults.spoil = true);
    assert_eq!(erased(&model, Erase::Sanitize(Method::Overwrite)).0, Err(StartError::Sanitize));
    model.faults(|faults| faults.refuse_erase = Some(Status::FORMAT_IN_PROGRESS));
    let command = "Format NVM or Sanitize";
    let refused = StartError::Command { command, status: Status::FORMAT_IN_PROGRESS };
    assert_eq!(erased(&model, TO_4096).0, Err(refused));
}
