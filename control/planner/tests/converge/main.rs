//! Whatever is asked for, whatever fails and whenever, what is comes to be what is desired.
//!
//! People ask for volumes, snapshots, clones and changes at random; in between the planner is run against model nodes
//! that refuse what real ones refuse. Steps fail before or after they were done, answers are lost, pools do not answer,
//! the service stops between any two things it does, drives lose volumes. The nodes check each call as it comes; at
//! last all is well again, and then the plan must become empty and everything be as desired. A failure prints the
//! history, shrunk.

mod control;
mod history;
mod nodes;

use control::Control;
use history::{Event, history};
use proptest::prelude::*;

/// Rounds until all is as desired, once nothing fails any more. Creating, recording and publishing are three; one clone
/// that waits for another, or for something of its name to go, makes it more.
const ROUNDS: usize = 8;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn everything_comes_to_be_as_desired(history in history()) {
        let mut control = Control::new();
        for event in &history {
            match event {
                Event::Ask(ask) => control.ask(ask),
                Event::Lose(index) => control.nodes.lose(*index),
                Event::Round(chaos) => control.round(Some(*chaos)),
            }
        }
        let mut rounds = 0;
        while !control.plan().is_done() {
            assert!(rounds < ROUNDS, "still to do after {rounds} rounds: {:#?}", control.plan());
            control.round(None);
            rounds += 1;
        }
        control.check_converged();
    }
}
