//! Tests of signals and their names.

use super::*;

fn number(word: &str) -> Option<u8> {
    Signal::parse(word).ok().map(Signal::number)
}

#[test]
fn a_test_that_fails_names_its_signals() {
    assert_eq!(format!("{:?}", [Signal::TERM, Signal::KILL]), "[TERM, KILL]");
}

#[test]
fn the_table_has_no_number_by_mistake() {
    let ones = NAMES.iter().filter(|(_, signal)| *signal == Signal::HUP).count();
    assert_eq!(ones, 1);
    assert_eq!(Signal::all().count(), Signal::COUNT);
}

#[test]
fn names_are_those_of_the_c_library() {
    for (name, value) in [
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("ILL", libc::SIGILL),
        ("TRAP", libc::SIGTRAP),
        ("ABRT", libc::SIGABRT),
        ("IOT", libc::SIGIOT),
        ("BUS", libc::SIGBUS),
        ("FPE", libc::SIGFPE),
        ("KILL", libc::SIGKILL),
        ("USR1", libc::SIGUSR1),
        ("SEGV", libc::SIGSEGV),
        ("USR2", libc::SIGUSR2),
        ("PIPE", libc::SIGPIPE),
        ("ALRM", libc::SIGALRM),
        ("TERM", libc::SIGTERM),
        ("STKFLT", libc::SIGSTKFLT),
        ("CHLD", libc::SIGCHLD),
        ("CONT", libc::SIGCONT),
        ("STOP", libc::SIGSTOP),
        ("TSTP", libc::SIGTSTP),
        ("TTIN", libc::SIGTTIN),
        ("TTOU", libc::SIGTTOU),
        ("URG", libc::SIGURG),
        ("XCPU", libc::SIGXCPU),
        ("XFSZ", libc::SIGXFSZ),
        ("VTALRM", libc::SIGVTALRM),
        ("PROF", libc::SIGPROF),
        ("WINCH", libc::SIGWINCH),
        ("IO", libc::SIGIO),
        ("POLL", libc::SIGPOLL),
        ("PWR", libc::SIGPWR),
        ("SYS", libc::SIGSYS),
    ] {
        assert_eq!(number(name).map(i32::from), Some(value), "{name}");
    }
}

#[test]
fn a_name_is_read_in_any_case_with_or_without_sig() {
    for word in ["TERM", "term", "SIGTERM", "sigterm", "SigTerm", "15", "015"] {
        assert_eq!(number(word), Some(15), "{word}");
    }
    assert_eq!(number("cld"), Some(17));
    assert_eq!(number("unused"), Some(31));
}

#[test]
fn real_time_signals_are_counted_from_34_to_64() {
    for (word, value) in
        [("RTMIN", 34), ("rtmin+0", 34), ("SIGRTMIN+30", 64), ("RTMAX", 64), ("RTMAX-0", 64), ("RTMAX-30", 34)]
    {
        assert_eq!(number(word), Some(value), "{word}");
    }
    for word in ["RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMAX-", "RTMIN++1", "RTMIN+4294967295"] {
        assert_eq!(number(word), None, "{word}");
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    for signal in Signal::all() {
        assert_eq!(Signal::parse(&signal.to_string()), Ok(signal));
        assert_eq!(Signal::parse(&signal.number().to_string()), Ok(signal));
    }
}

#[test]
fn what_is_not_a_signal_is_refused() {
    for word in
        ["", "0", "65", "256", "271", "4294967311", "-15", "+15", " 15", "15 ", "1５", "SIG", "SIGSIGTERM", "TERMS"]
    {
        assert_eq!(number(word), None, "{word:?}");
    }
}

#[test]
fn a_near_miss_gets_a_hint() {
    let message = |word| Signal::parse(word).map_err(|error| error.to_string());
    assert_eq!(message("TREM"), Err("no signal is named 'TREM', did you mean TERM?".to_owned()));
    assert_eq!(message("sigkil"), Err("no signal is named 'sigkil', did you mean KILL?".to_owned()));
    assert_eq!(message("banana"), Err("no signal is named 'banana'".to_owned()));
}
