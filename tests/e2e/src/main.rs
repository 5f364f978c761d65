//! A storage node as a process of its own, to be killed: what `sluiced` runs, less signals and options.
//!
//! The tests of this package may only rely on programs of this package being built, hence this one.
#![forbid(unsafe_code)]

use sluiced::Node;
use sluiced::config::Config;
use std::path::Path;

fn main() {
    let path = std::env::args().nth(1).expect("the configuration file is the only argument");
    let config = Config::read(Path::new(&path)).expect("the configuration is right");
    let _node = Node::start(config).expect("the node starts");
    loop {
        std::thread::park();
    }
}
