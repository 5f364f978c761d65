//! What hosts are told of a directory, and who may listen.

use super::{Acceptor, AcceptorError, AcceptorOptions, Directory};
use crate::config::TargetConfig;
use sluice_volume::HostAccess;

const NQN: &str = "nqn.2026-11.io.sluice:a";
const HOST: &str = "nqn.2014-08.org.nvmexpress:uuid:host";

#[test]
fn a_host_sees_what_it_may_use_and_every_change_counts() {
    let directory = Directory::new();
    let reactor = directory.register();
    assert_eq!(directory.visible_to(HOST), (0, vec![]));
    directory.publish(reactor, NQN, HostAccess::Hosts(vec![HOST.to_owned()]));
    assert_eq!(directory.visible_to(HOST), (1, vec![NQN.to_owned()]));
    assert_eq!(directory.visible_to("nqn.2014-08.org.nvmexpress:uuid:other"), (1, vec![]));
    assert!(directory.reactor_of(NQN).is_none(), "its reactor is not up yet");
    directory.unpublish(NQN);
    assert_eq!(directory.visible_to(HOST), (2, vec![]));
}

#[test]
fn a_reactor_that_goes_takes_its_subsystems_along() {
    let directory = Directory::new();
    let (first, second) = (directory.register(), directory.register());
    directory.publish(first, "nqn.first", HostAccess::Any);
    directory.publish(second, "nqn.second", HostAccess::Any);
    directory.detach(first);
    assert_eq!(directory.visible_to(HOST).1, ["nqn.second"]);
}

#[test]
fn an_address_is_listened_at_once() {
    let options = |listen| AcceptorOptions { listen, advertise: None, target: TargetConfig::default() };
    let directory = Directory::new();
    let acceptor = Acceptor::start(options(vec![([127, 0, 0, 1], 0).into()]), &directory).unwrap();
    let taken = acceptor.addresses().to_vec();
    assert_ne!(taken[0].port(), 0);
    let again = Acceptor::start(options(taken), &directory);
    assert!(matches!(again, Err(AcceptorError::Listen { .. })));
    assert!(matches!(Acceptor::start(options(vec![]), &directory), Err(AcceptorError::NoAddress)));
    acceptor.stop();
}
