//! The man page, in the man macros of roff (man(7)).

use std::fmt::Write;

use session_init::cli::docs;
use session_init::cli::flags::{Effect, FLAGS, Flag, Group};

use crate::details;

const NAME: &str = "session-init \\- session\\-aware init for containers and script entrypoints";

const DESCRIPTION: &[&str] = &[
    "session-init runs COMMAND as the leader of a new session, or, at a shell's terminal, where it would be without session-init. It sends every signal it gets on to COMMAND's process group through a table of rewrite rules, reaps every orphan, and ends as COMMAND ends.",
    "It is meant to be PID 1 of a container, or to stand before a command in a CI step or a script. Where it is not PID 1 it makes itself the subreaper of all that comes from COMMAND.",
    "Options end at the first word that is not an option, or at --. Everything from there on belongs to COMMAND, which is looked for in PATH. A file without a #! line is run by /bin/sh.",
];

const SIGNALS: &[&str] = &[
    "A signal is a number from 1 to 64, or a name in any case, with or without SIG: TERM, sigterm, RTMIN+1, RTMAX-2. RTMIN is 34 and RTMAX 64 whatever the C library thinks.",
    "Every signal but CHLD is sent on, a real-time signal as often as it came. No signal is lost from the moment session-init has been executed: all of them are blocked before anything else happens, and COMMAND gets the signal mask and the dispositions that session-init was started with.",
    "In a session of its own COMMAND would not be stopped by TSTP, TTIN and TTOU, since the kernel ignores them in an orphaned process group. They are rewritten to STOP unless a rule says otherwise, and session-init stops too, except as PID 1. CONT resumes both.",
    "TERM, INT, QUIT or HUP sent on to a stopped COMMAND is followed by CONT.",
    "When COMMAND has ended, the rest of its process group gets TERM (or what a rule turns TERM into) and CONT.",
];

const STATUS: &[(&str, &str)] = &[
    ("0 to 255", "COMMAND's own exit status."),
    (
        "128+N",
        "Signal N ended COMMAND. If that was INT and session-init is not PID 1, it dies of INT itself, so that a script around it stops too.",
    ),
    ("1", "An option, a variable or a rule was wrong, or no process could be started. COMMAND has not run."),
    ("126", "COMMAND was found and could not be run."),
    ("127", "COMMAND was not found."),
];

const MESSAGES: &[&str] = &[
    "Every message is one line that begins with the name session-init was started under, in brackets. A message is dropped where stderr is closed, full or held: it never delays a signal.",
    "With -v there is a line for each decision: what happened, and behind semicolons what was done about it, such as \"received TERM from pid 812; sent QUIT to group 7\". Signals are named, processes numbered. URG, which container engines send by the thousand, has lines only with -vv.",
];

const EXAMPLES: &[(&str, &str)] = &[
    ("A pipeline that ends as a whole:", "session-init sh -c 'producer | consumer'"),
    (
        "A server whose graceful stop is another signal than TERM:",
        "session-init --rewrite TERM:QUIT -- nginx -g 'daemon off;'",
    ),
    (
        "Ten seconds for what COMMAND leaves behind, and a bound on the whole stop:",
        "session-init --grace 10s --kill-after 25s -- ./server",
    ),
    ("A program that puts itself into the background:", "session-init --linger --target all --rewrite TERM:QUIT nginx"),
];

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = String::from(".\\\" Made from the flag table by `make docs`.\n");
    let _ =
        writeln!(page, ".TH SESSION\\-INIT 1 \"\" \"session\\-init {}\" \"User Commands\"", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(
        page,
        ".SH NAME\n{NAME}\n.SH SYNOPSIS\n.B session\\-init\n[\\fIOPTIONS\\fR] [\\fB\\-\\-\\fR] \\fICOMMAND\\fR [\\fIARG\\fR...]"
    );
    section(&mut page, "DESCRIPTION", DESCRIPTION);
    page.push_str(".SH OPTIONS\n");
    for (group, heading) in Group::ALL {
        let _ = writeln!(page, ".SS {heading}");
        FLAGS.iter().filter(|flag| flag.group == group).for_each(|flag| option(&mut page, flag));
    }
    section(&mut page, "SIGNALS", SIGNALS);
    page.push_str(".SH EXIT STATUS\n");
    for (status, meaning) in STATUS {
        let _ = writeln!(page, ".TP\n.B {}\n{}", roff(status), roff(meaning));
    }
    environment(&mut page);
    section(&mut page, "MESSAGES", MESSAGES);
    page.push_str(".SH EXAMPLES\n");
    for (what, command) in EXAMPLES {
        let _ = writeln!(page, "{}\n.PP\n.nf\n.RS\n{}\n.RE\n.fi\n.PP", roff(what), roff(command));
    }
    page.push_str(
        ".SH SEE ALSO\n.BR kill (1),\n.BR prctl (2),\n.BR setsid (2),\n.BR pid_namespaces (7),\n.BR signal (7)\n",
    );
    page
}

fn section(page: &mut String, name: &str, paragraphs: &[&str]) {
    let _ = writeln!(page, ".SH {name}");
    let paragraphs: Vec<String> = paragraphs.iter().map(|paragraph| roff(paragraph)).collect();
    let _ = writeln!(page, "{}", paragraphs.join("\n.PP\n"));
}

fn option(page: &mut String, flag: &Flag) {
    let bold = |text: String| format!("\\fB{}\\fR", roff(&text));
    let names =
        [flag.short.map(|letter| format!("-{letter}")), (!flag.long.is_empty()).then(|| format!("--{}", flag.long))];
    let names: Vec<String> = names.into_iter().flatten().map(bold).collect();
    let suffix = docs::suffix(flag);
    let value = match suffix.strip_prefix(' ') {
        Some(name) => format!(" \\fI{}\\fR", roff(name)),
        None => roff(&suffix),
    };
    let _ = writeln!(page, ".TP\n{}{value}", names.join(", "));
    let _ = writeln!(page, "{}.", roff(&capitalised(&flag.help.join(" "))));
    for paragraph in details::of(flag) {
        let _ = writeln!(page, ".IP\n{}", roff(paragraph));
    }
}

fn environment(page: &mut String) {
    page.push_str(".SH ENVIRONMENT\n");
    let _ = writeln!(
        page,
        "{}",
        roff(
            "An option on the command line wins over its variable. An empty variable counts as unset, and a wrong one is an error. COMMAND gets the environment unchanged, but for LISTEN_PID where that names session-init."
        )
    );
    for flag in FLAGS {
        let Some(variable) = flag.variable else { continue };
        let says = match flag.effect {
            Effect::Value(..) | Effect::Bytes(..) => "takes the value of",
            Effect::Level(_) => "is 0, 1 or a higher number, for so many times",
            _ => "is 1 (or yes, true, on) for",
        };
        let _ = writeln!(page, ".TP\n.B {variable}\n{} \\fB{}\\fR.", capitalised(says), roff(&details::name(flag)));
    }
    for flag in FLAGS {
        let Some((variable, value)) = flag.of_dumb_init else { continue };
        let _ = writeln!(
            page,
            ".TP\n.B {variable}={value}\nThe same as \\fB{}\\fR, as dumb\\-init has it, where neither the option nor its own variable is given.",
            roff(&details::name(flag))
        );
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text that roff prints as it is: hyphens that can be copied as such, and no line that begins with a request.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}
