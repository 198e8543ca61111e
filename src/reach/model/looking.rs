//! Going through the processes one by one.

use super::init::{At, Each, Step, Visit, World, scope};
use super::kernel::{INIT, Kernel, Life, OUTSIDE};
use crate::rule::Target;

impl World {
    /// `look_until_settled`, `look_at_descendants` and `look_at`, or `look_at_everybody`.
    pub(super) fn go_on(&mut self, mut each: Each) {
        match each.at.clone() {
            At::List => {
                let count = each.seen;
                each.looks_left -= 1;
                each.before = count;
                each.listed = if self.init.is_pid_1 {
                    Kernel::pids().filter(|pid| self.kernel.exists(*pid)).map(|pid| (pid, OUTSIDE)).collect()
                } else {
                    self.kernel.children(INIT).into_iter().map(|pid| (pid, INIT)).collect()
                };
                each.listed.reverse();
                each.at = At::Children;
            }
            At::Children => {
                let Some((pid, parent)) = each.listed.pop() else { return self.end_look(each) };
                match self.kernel.stat(pid) {
                    None => {}
                    Some(stat) if stat.is_zombie || self.init.is_pid_1 => self.see(&mut each, pid),
                    Some(_) => each.at = At::Stat(pid, parent, self.kernel.children(pid)),
                }
            }
            At::Stat(pid, parent, children) => {
                each.at = At::Children;
                let is_descendant = [parent, INIT].contains(&self.kernel.of(pid).parent);
                if self.kernel.exists(pid) && is_descendant {
                    each.listed.extend(children.into_iter().rev().map(|child| (child, pid)));
                    self.see(&mut each, pid);
                }
            }
            At::Visit(pid) => {
                each.at = At::Children;
                self.visit(each.visit, pid);
            }
        }
        self.init.to_do.push(Step::Each(each));
    }

    fn end_look(&mut self, mut each: Each) {
        let is_settled = each.seen == each.before;
        if each.looks_left > 0 && !is_settled {
            each.at = At::List;
            self.init.to_do.push(Step::Each(each));
        } else {
            self.init.was_settled = is_settled;
        }
    }

    fn see(&self, each: &mut Each, pid: u8) {
        let is_zombie = self.kernel.of(pid).life == Life::Zombie;
        let bit = 1_u16 << (2 * u16::from(pid) + u16::from(is_zombie));
        let is_new = each.seen & bit == 0;
        each.seen |= bit;
        // What the stat says now decides what is done, but for zombies.
        each.at = if is_new && !is_zombie && self.is_visited(each.visit, pid) { At::Visit(pid) } else { At::Children };
    }

    fn is_visited(&self, visit: Visit, pid: u8) -> bool {
        let holds = |target: Target| self.kernel.stat(pid).is_some_and(|stat| scope(target).holds(&stat));
        match visit {
            Visit::Tell(target) => holds(target) && !self.was_told(pid),
            Visit::ContinueStopped(target) => holds(target) && self.kernel.of(pid).life == Life::Stopped,
            Visit::KillGroups | Visit::Stop | Visit::Kill | Visit::Name => true,
        }
    }

    fn visit(&mut self, visit: Visit, pid: u8) {
        match visit {
            Visit::Tell(_) => self.kernel.tell(pid),
            Visit::ContinueStopped(_) => self.kernel.continue_stopped(pid),
            Visit::KillGroups => {
                let group = self.kernel.of(pid).group;
                self.init.to_do.push(Step::Kill(Some(group)));
            }
            Visit::Stop => self.kernel.stop(pid),
            Visit::Kill => self.kernel.kill(pid),
            Visit::Name => self.init.left |= 1 << pid,
        }
    }
}
