//! Every signal is sent on, as the table says, to whom the table says.

use crate::support::Init;
use crate::support::signal::TERM;
use crate::support::test::{Test, tests};

pub(crate) const TESTS: &[Test] = tests![a_rewritten_signal_reaches_the_whole_group];

fn a_rewritten_signal_reaches_the_whole_group() {
    Init::new()
        .rewrite("15:3")
        .sh(r#"sh -c 'trap "echo first got QUIT >&2" QUIT; echo ready; sleep 60; :' |
               sh -c 'trap "echo second got QUIT >&2" QUIT; cat; :'"#)
        .wait_for("ready")
        .send(TERM)
        .wait_for_errors(&["first got QUIT", "second got QUIT"])
        .end()
        .nothing_left();
}
