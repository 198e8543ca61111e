//! What people who come from dumb-init or tini rely on: the same tests run against those two and against session-init.
//!
//! The body of a case says what session-init promises, and is written once. The other inits keep the promise too, or are
//! listed as unlike with what they do instead. For one so listed the body has to fail, and what is said of it has to
//! hold: a list of differences stays true by itself. [`tables`] is that list as the README has it.

mod dumb_init;
mod every_init;
mod tini;

use std::fmt::Write as _;
use std::time::Duration;

use libtest_mimic::Trial;

use crate::support::test::{DUMB_INIT, Need, ROOT, TINI, is_panic, named_trial};
use crate::support::time::with_deadline;
use crate::support::{Init, scratch};

/// How long anything may take in a body that is to fail.
const SHORT: Duration = Duration::from_millis(250);

/// An init whose place session-init takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    DumbInit,
    Tini,
}

const PEERS: [Peer; 2] = [Peer::DumbInit, Peer::Tini];

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::DumbInit => "dumb-init",
            Self::Tini => "tini",
        }
    }

    /// Debian's, whose differences these are.
    fn version(self) -> &'static str {
        match self {
            Self::DumbInit => "dumb-init 1.2.5",
            Self::Tini => "tini 0.19",
        }
    }

    fn need(self) -> Need {
        match self {
            Self::DumbInit => DUMB_INIT,
            Self::Tini => TINI,
        }
    }

    fn init(self) -> Init {
        match self {
            Self::DumbInit => Init::dumb_init(),
            // Without the separator it would look for its options among COMMAND's words.
            Self::Tini => Init::tini().with_separator(),
        }
    }
}

/// What a peer does in place of what the case says.
#[derive(Debug)]
struct Unlike {
    peer: Peer,
    /// In the words of the table.
    instead: &'static str,
    shown_by: fn(Init),
}

/// A promise, and who keeps it.
#[derive(Debug)]
struct Case {
    name: &'static str,
    body: fn(Init),
    root: bool,
    peers: &'static [Peer],
    /// Also through a link with dumb-init's name.
    linked: bool,
    /// The beginning of the row in the table: what it is about, and what session-init does.
    row: Option<(&'static str, &'static str)>,
    unlike: Vec<Unlike>,
}

impl Case {
    fn new(name: &'static str, body: fn(Init)) -> Self {
        Self { name, body, root: false, peers: &[], linked: false, row: None, unlike: Vec::new() }
    }

    fn needs_root(mut self) -> Self {
        self.root = true;
        self
    }

    fn also_through_a_link(mut self) -> Self {
        self.linked = true;
        self
    }

    /// Says for the table what this is about and what session-init does: for a case that a peer is unlike in.
    fn row(mut self, about: &'static str, session_init: &'static str) -> Self {
        self.row = Some((about, session_init));
        self
    }

    fn unlike(mut self, peer: Peer, instead: &'static str, shown_by: fn(Init)) -> Self {
        self.unlike.push(Unlike { peer, instead, shown_by });
        self
    }

    fn dumb_init_unlike(self, instead: &'static str, shown_by: fn(Init)) -> Self {
        self.unlike(Peer::DumbInit, instead, shown_by)
    }

    fn tini_unlike(self, instead: &'static str, shown_by: fn(Init)) -> Self {
        self.unlike(Peer::Tini, instead, shown_by)
    }

    fn trials(self) -> Vec<Trial> {
        let Self { name, body, root, .. } = self;
        assert_eq!(self.row.is_some(), !self.unlike.is_empty(), "{name}: a row is for a difference");
        assert!(self.unlike.iter().all(|unlike| self.peers.contains(&unlike.peer)), "{name}: unlike in vain");
        let needs = |more: Option<Need>| root.then_some(ROOT).into_iter().chain(more).collect::<Vec<_>>();
        let full_name = |init: &str| format!("compatibility::{name} ({init})");
        let mut trials = vec![named_trial(full_name("session-init"), needs(None), move || body(Init::new()))];
        if self.linked {
            let run = move || body(Init::of(scratch::link_named_dumb_init()));
            trials.push(named_trial(full_name("session-init as dumb-init"), needs(None), run));
        }
        for peer in self.peers {
            let needs = needs(Some(peer.need()));
            let name = full_name(peer.name());
            trials.push(match self.unlike.iter().find(|unlike| unlike.peer == *peer) {
                None => named_trial(name, needs, move || body(peer.init())),
                Some(unlike) => {
                    let (instead, shown_by) = (unlike.instead, unlike.shown_by);
                    named_trial(name, needs, move || expect_unlike(*peer, body, instead, shown_by))
                }
            });
        }
        trials
    }
}

/// `case!(name)`, where `name` is the function that is its body.
macro_rules! case {
    ($body:ident) => {
        $crate::compatibility::Case::new(stringify!($body), $body)
    };
}
use case;

fn cases() -> Vec<Case> {
    let for_peers =
        |cases: Vec<Case>, peers: &'static [Peer]| cases.into_iter().map(move |case| Case { peers, ..case });
    for_peers(every_init::cases(), &PEERS)
        .chain(for_peers(dumb_init::cases(), &[Peer::DumbInit]))
        .chain(for_peers(tini::cases(), &[Peer::Tini]))
        .collect()
}

pub(crate) fn trials() -> Vec<Trial> {
    cases().into_iter().flat_map(Case::trials).collect()
}

/// The peer has to fail where it is listed as unlike, and in the way that the list says.
fn expect_unlike(peer: Peer, body: fn(Init), instead: &str, shown_by: fn(Init)) {
    // Some differences show now and then only.
    let fails = (0..20).any(|_| is_panic(|| with_deadline(SHORT, || body(peer.init()))));
    assert!(fails, "{} does as session-init does here, and is listed as unlike: {instead}", peer.name());
    shown_by(peer.init());
}

/// Every difference, as tables in Markdown: what every init does in some way, and what concerns the options of one peer.
pub(crate) fn tables() -> String {
    let cases = cases();
    let peers = [&PEERS[..], &[Peer::DumbInit], &[Peer::Tini]];
    peers.map(|peers| table(peers, cases.iter().filter(|case| case.peers == peers))).join("\n")
}

fn table<'cases>(peers: &[Peer], cases: impl Iterator<Item = &'cases Case>) -> String {
    let names: Vec<_> = peers.iter().map(|peer| peer.version()).collect();
    let mut table =
        format!("| | session-init | {} | test |\n|---|---|{}---|\n", names.join(" | "), "---|".repeat(names.len()));
    for case in cases {
        let Some((about, session_init)) = case.row else { continue };
        let cells = peers.iter().map(|peer| {
            let unlike = case.unlike.iter().find(|unlike| unlike.peer == *peer);
            unlike.map_or("the same", |unlike| unlike.instead)
        });
        let cells: Vec<_> = cells.collect();
        let _ = writeln!(table, "| {about} | {session_init} | {} | `{}` |", cells.join(" | "), case.name);
    }
    table
}
