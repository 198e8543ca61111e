//! What a runtime itself does otherwise than the rest, whoever is its init. The cases expect just that, so that a
//! difference that is none any more shows.

/// What a runtime itself does otherwise.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not")]
pub(crate) struct Traits {
    /// What a write to a read-only root is answered with.
    pub(crate) refusal: &'static str,
    /// /proc/PID/status says whether there is a way to new privileges.
    pub(crate) shows_no_new_privileges: bool,
    /// The status where KILL has ended PID 1.
    pub(crate) killed: i32,
    /// Who is not PID 1 can be the reaper of what its children leave behind.
    pub(crate) has_subreaper: bool,
    /// /proc/PID/status says what a process makes of signals.
    pub(crate) shows_signals: bool,
    /// The kernel queues no more than 32 real-time signals of one number, and refuses the next.
    pub(crate) has_short_queue: bool,
}

impl Default for Traits {
    fn default() -> Self {
        Self {
            refusal: "Read-only",
            shows_no_new_privileges: true,
            killed: 137,
            has_subreaper: true,
            shows_signals: true,
            has_short_queue: false,
        }
    }
}

/// gVisor has a kernel of its own.
pub(super) const GVISOR: Traits = Traits {
    refusal: "Permission denied",
    shows_no_new_privileges: false,
    killed: 137,
    has_subreaper: false,
    shows_signals: false,
    has_short_queue: true,
};
