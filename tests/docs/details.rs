//! What the man page says about each option beyond the help text, in paragraphs.

use libtest_mimic::Trial;
use session_init::cli::flags::{FLAGS, Flag};

/// By the name that the option goes by.
const DETAILS: &[(&str, &[&str])] = &[
    (
        "--rewrite",
        &[
            "TO is the signal that is sent in the place of FROM; 0 drops it. A target behind an @ (child, group, session or all) holds for this rule alone. Rules are read from left to right, and those of the command line come after those of the variable.",
            "FROM:STEP/STEP... is a sequence of up to 16 steps. A step is SIGNAL, SIGNAL@TARGET, or a wait: a duration with its unit (10s, 500ms). The first signals are sent at once; at a wait the rest is put off, and the same signal again ends the wait. TERM:10s/TERM holds TERM back; TERM:TERM@child/10s/TERM@all/5s/KILL@all stops in stages; with INT:INT/3s/KILL@all a second Ctrl-C kills. When COMMAND has ended, steps to child and group are passed over; without --grace or --linger session-init leaves all the same.",
            "KILL and STOP cannot be rewritten, since no process can catch them, nor CHLD, which is how ended children are reported.",
        ],
    ),
    (
        "--single-child",
        &[
            "COMMAND stays in session-init's session and process group. What the terminal sends to that group is not delivered a second time. It cannot be combined with the targets group and session.",
        ],
    ),
    (
        "--target",
        &[
            "As PID 1, all is every other process of the PID namespace. Elsewhere it is every descendant, those in sessions of their own included, and no other process.",
        ],
    ),
    ("-g", &["It is tini's name for what is the default here."]),
    (
        "--pre-stop",
        &[
            "It runs in session-init's first working directory, with its descriptors but nothing to read, in a process group of its own, and finds SESSION_INIT_SIGNAL (such as TERM) and SESSION_INIT_COMMAND_PID. What would be sent on waits until it has ended, or the same signal comes again. A TERM that a rule drops starts it too: then it is the whole stop. A status other than 0 is told and changes nothing. --kill-after counts from the signal, and session-init does not leave before the command has ended. While one is set session-init keeps its stdout open.",
        ],
    ),
    (
        "--grace",
        &[
            "What is left gets TERM, or what the table turns TERM into, unless it has got that from session-init before; who ignores it gets TERM, and who is stopped CONT. session-init goes on reaping and sending signals on, now to everything left, and ends the moment nothing is. After DURATION it kills the rest and names it on stderr. The default is 0: the rest of the process group gets the signal, and nobody waits for it.",
        ],
    ),
    (
        "--kill-after",
        &[
            "It bounds the whole of a stop: everything gets KILL, COMMAND included. Where COMMAND ends before, the rest has what is left of DURATION, as with --grace. The default, and 0, is never.",
        ],
    ),
    (
        "--linger",
        &[
            "For programs that put themselves into the background. Nothing is asked to end; signals go to everything left. With --target all one that comes before COMMAND has ended finds the daemon too. Where COMMAND ended with 0 the status is that of the process that ended last, so that a daemon's crash is seen. It cannot be combined with --grace.",
        ],
    ),
    (
        "--remap-exit",
        &["143:0, or just 143, reports a COMMAND that ended by TERM as a success. The last rule for a status wins."],
    ),
    (
        "--exit-by-signal",
        &[
            "For callers that look at how a program ended and not at its status. --remap-exit comes first; PID 1 cannot, and no second core is left. Without it this holds for INT alone, so that a script stops at Ctrl-C.",
        ],
    ),
    (
        "--parent-death-signal",
        &["The signal is handled like any other. If the parent has died already, it is sent at once."],
    ),
    ("--pause", &["It is catatonit's option for the first process of a pod, which keeps the pod's namespaces."]),
    ("--subreaper", &["It is tini's option for what is always so here."]),
    ("--warn-on-reap", &["The line gives the orphan's pid, its name and how it ended."]),
    ("--verbose", &["See MESSAGES."]),
    ("--explain", &["COMMAND may be left out."]),
    (
        "--inspect",
        &[
            "It reads /proc, changes nothing and signals nobody: \"docker exec CONTAINER session-init --inspect\" says why a container does not stop. Below the init's own settings stands the tree of processes, each with what it makes of TERM and of what the rules turn TERM into: default, handled, ignored, blocked, or pending, which is blocked with one waiting. Then it says in words whom a TERM would reach, what keeps it from the others, and which parent does not wait for its zombies.",
            "It knows the settings of session-init, dumb-init, tini and catatonit; of any other program it says what that one makes of TERM.",
        ],
    ),
    ("--help", &[]),
    ("--version", &[]),
];

/// The option's long form, or its short one where it has no other.
pub(crate) fn name(flag: &Flag) -> String {
    if flag.long.is_empty() {
        flag.short.map(|letter| format!("-{letter}")).unwrap_or_default()
    } else {
        format!("--{}", flag.long)
    }
}

pub(crate) fn of(flag: &Flag) -> &'static [&'static str] {
    let name = name(flag);
    DETAILS.iter().find(|(known, _)| *known == name).map_or(&[], |(_, details)| details)
}

/// Each option has details, and each detail an option.
pub(crate) fn trial() -> Trial {
    Trial::test("every option has its details", || {
        let flags: Vec<String> = FLAGS.iter().map(name).collect();
        let details: Vec<&str> = DETAILS.iter().map(|(name, _)| *name).collect();
        if flags == details { Ok(()) } else { Err(format!("{flags:?} and {details:?}").into()) }
    })
}
