//! The loop and what it calls, step by step, above a [`Kernel`] in which anything may happen between two system calls.
//!
//! The decisions are the supervisor's and the scopes are those of this module; the calls stand in the order in which
//! the code makes them, and each step says which function it stands for. The search goes through every order of all
//! that may happen to three processes. Time is no more than whether a deadline has passed.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod init;
mod kernel;
mod looking;
mod steps;

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::hash::BuildHasherDefault;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use init::{Init, World};
use kernel::{COMMAND, Happening, INIT, Kernel, Life};

use crate::exit::Ended;
use crate::period::Period;
use crate::route::{Place, Table};
use crate::rule::Target;
use crate::signal::Signal;
use crate::supervisor::proof::Mixer;
use crate::supervisor::{Settings, Stops, Supervisor};

/// What is looked at in one search.
#[expect(clippy::struct_excessive_bools, reason = "each is so or not")]
struct Scene {
    name: &'static str,
    is_pid_1: bool,
    grace: bool,
    kill_after: bool,
    linger: bool,
    /// How many TERM, real-time signals and stops come from elsewhere.
    comes: (u8, u8, u8),
    /// Whether processes leave their group.
    leaves: bool,
}

const SCENE: Scene = Scene {
    name: "",
    is_pid_1: false,
    grace: false,
    kill_after: false,
    linger: false,
    comes: (0, 0, 0),
    leaves: false,
};

const SCENES: [Scene; 8] = [
    Scene { name: "plain", comes: (0, 0, 1), leaves: true, ..SCENE },
    Scene { name: "signals", comes: (0, 2, 0), ..SCENE },
    Scene { name: "linger", linger: true, comes: (0, 1, 1), ..SCENE },
    Scene { name: "grace", grace: true, leaves: true, ..SCENE },
    Scene { name: "kill-after", kill_after: true, comes: (1, 0, 0), ..SCENE },
    Scene { name: "plain, as PID 1", is_pid_1: true, comes: (1, 1, 0), ..SCENE },
    Scene { name: "linger, as PID 1", is_pid_1: true, linger: true, comes: (0, 1, 0), ..SCENE },
    Scene { name: "grace, as PID 1", is_pid_1: true, grace: true, comes: (1, 0, 0), leaves: true, ..SCENE },
];

impl Scene {
    fn supervisor(&self) -> Supervisor {
        Supervisor::new(Settings {
            table: Table::new(Target::Group, Place::Own, &[]),
            place: Place::Own,
            single_child: false,
            stops: if self.is_pid_1 { Stops::Never } else { Stops::WhenAsked },
            pre_stop: false,
            grace: if self.grace { Period::Finite(Duration::from_secs(1)) } else { Period::Zero },
            kill_after: self.kill_after.then_some(Duration::from_secs(2)),
            linger: self.linger,
        })
    }

    fn start(&self, supervisor: &Supervisor) -> World {
        let mut kernel = Kernel::with_command(self.is_pid_1);
        (kernel.terms_to_come, kernel.queued_to_come, kernel.stops_to_come) = self.comes;
        World { kernel, init: Init::new(supervisor.mind(), self.is_pid_1) }
    }
}

/// What is wrong with this world, if anything is.
fn wrong(scene: &Scene, world: &World) -> Option<&'static str> {
    let World { kernel, init } = world;
    for pid in Kernel::pids() {
        let process = kernel.of(pid);
        if process.told > 1 && !process.has_moved && !init.is_between(pid) {
            return Some("nobody is told of the end twice");
        }
        if process.told > 0 && scene.linger && kernel.terms_to_come == scene.comes.0 {
            return Some("--linger: no signal is sent");
        }
    }
    if init.has_taken_leave && init.was_settled {
        let scope = init.leave_scope();
        let is_left_out = |pid: &u8| {
            let process = kernel.of(*pid);
            let is_meant = kernel.stat(*pid).is_some_and(|stat| scope.holds(&stat));
            kernel.lives(*pid) && process.was_there && is_meant && process.told == 0
        };
        if Kernel::pids().any(|pid| is_left_out(&pid)) {
            return Some("everybody who was there is told of the end");
        }
    }
    if let Some(finish) = init.finished {
        if finish != Ended::Exited(0) && finish != Ended::Signaled(Signal::KILL) {
            return Some("COMMAND's exit status is session-init's");
        }
        let is_named = |pid: u8| init.left & 1 << pid != 0;
        if kernel.of(COMMAND).life != Life::Reaped && !init.is_out_of_time {
            return Some("COMMAND is reaped");
        }
        let had_ended = |pid: u8| kernel.of(pid).had_ended && kernel.of(pid).parent == INIT;
        if Kernel::pids().any(|pid| had_ended(pid) && kernel.of(pid).life == Life::Zombie) {
            return Some("whatever else had ended by then is reaped");
        }
        let stays = scene.linger || init.leave_target == Target::All;
        if stays && Kernel::pids().any(|pid| kernel.lives(pid) && !is_named(pid)) {
            return Some("nobody is left, or he is named");
        }
    } else if world.is_asleep() {
        if kernel.children(INIT).iter().any(|pid| kernel.of(*pid).life == Life::Zombie) {
            return Some("nobody sleeps while a child that has ended is not reaped");
        }
        if init.command_reaped && kernel.children(INIT).is_empty() && !scene.is_pid_1 {
            return Some("it ends the moment nothing is left");
        }
        let came = scene.comes.1 - kernel.queued_to_come;
        if init.passed_on != came {
            return Some("each real-time signal as often as it came");
        }
    }
    None
}

/// Where one world leads to: by a call of session-init, or by something that happens, which is named.
fn successors(scene: &Scene, world: &World, supervisor: &mut Supervisor) -> Vec<(World, Option<Happening>)> {
    if world.init.finished.is_some() {
        return Vec::new();
    }
    let mut all: Vec<_> = world.step(supervisor).into_iter().map(|next| (next, None)).collect();
    for happening in world.kernel.happenings() {
        if scene.leaves || !matches!(happening, Happening::Leave(_)) {
            let mut next = world.clone();
            next.kernel.happen(happening);
            all.push((next, Some(happening)));
        }
    }
    all
}

/// Every world that there may be in this scene.
fn explore(scene: &Scene) -> Result<(usize, usize), String> {
    let mut supervisor = scene.supervisor();
    let first = scene.start(&supervisor);
    let mut known: HashSet<World, BuildHasherDefault<Mixer>> = HashSet::from_iter([first.clone()]);
    let mut to_see = VecDeque::from([first]);
    // Of each world, in the order in which they are found: from which it was come, and by which of the ways from there.
    let mut origins = vec![(0_usize, 0_usize)];
    let mut transitions = 0;
    for place in 0.. {
        let Some(world) = to_see.pop_front() else { break };
        if let Some(words) = wrong(scene, &world) {
            return Err(format!("{}: \"{words}\":\n{}", scene.name, way(scene, &origins, place)));
        }
        for (index, (next, _)) in successors(scene, &world, &mut supervisor).into_iter().enumerate() {
            transitions += 1;
            if known.insert(next.clone()) {
                to_see.push_back(next);
                origins.push((place, index));
            }
        }
    }
    Ok((known.len(), transitions))
}

/// How it comes to a world: the calls, and to the right of them what happens in between.
fn way(scene: &Scene, origins: &[(usize, usize)], mut place: usize) -> String {
    let mut ways = Vec::new();
    while place != 0 {
        let (from, index) = origins[place];
        ways.push(index);
        place = from;
    }
    let mut supervisor = scene.supervisor();
    let mut world = scene.start(&supervisor);
    let mut text = String::new();
    for index in ways.into_iter().rev() {
        let (next, happening) = successors(scene, &world, &mut supervisor).swap_remove(index);
        let _ = match happening {
            Some(happening) => writeln!(text, "{:40}{happening:?}", ""),
            None => writeln!(text, "{:?}", world.init.to_do.last()),
        };
        world = next;
    }
    let _ = writeln!(text, "{world:?}");
    text
}

#[test]
fn nothing_that_is_owed_is_left_out_in_any_order() {
    let start = Instant::now();
    let (mut states, mut transitions) = (0, 0);
    for two in SCENES.chunks(2) {
        thread::scope(|scope| {
            let searches: Vec<_> = two.iter().map(|scene| scope.spawn(|| explore(scene))).collect();
            for search in searches {
                let found = search.join().unwrap().unwrap_or_else(|error| panic!("{error}"));
                (states, transitions) = (states + found.0, transitions + found.1);
            }
        });
    }
    let _ = writeln!(
        std::io::stderr(),
        "the loop: {} scenes, {states} states, {transitions} transitions in {:.1} s",
        SCENES.len(),
        start.elapsed().as_secs_f64()
    );
}
