//! Rewrite rules, compared with a second reading of their grammar.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_init::route::Table;
use session_init::rule::{Rule, Target};
use session_init::signal::Signal;

fuzz_target!(|list: &str| {
    let rules = Rule::parse_list(list);
    assert_eq!(rules.is_ok(), list.split(',').all(is_rule), "{list:?}: {rules:?}");
    if let Ok(rules) = rules {
        let table = Table::new(Target::Group, true, &rules);
        for signal in Signal::all() {
            let _ = table.route(signal);
        }
    }
});

fn is_rule(rule: &str) -> bool {
    let mut parts = rule.split('@');
    let (Some(signals), target, None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let has_target = target.is_some();
    if target.is_some_and(|target| !["child", "group", "session", "all"].contains(&target)) {
        return false;
    }
    let mut parts = signals.split(':');
    let (Some(from), to, None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let from_is_good = signal(from).is_some_and(|number| ![9, 17, 19].contains(&number));
    let to_is_good = to.is_none_or(|to| signal(to).is_some() || is_zero(to));
    from_is_good && to_is_good && (to.is_some() || has_target)
}

fn is_zero(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte == b'0')
}

fn signal(word: &str) -> Option<u8> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = word.trim_start_matches('0');
        return (digits.len() <= 2).then(|| digits.parse().ok()).flatten().filter(|number| (1..=64).contains(number));
    }
    let upper = word.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    const ALIASES: [(&str, u8); 4] = [("IOT", 6), ("CLD", 17), ("POLL", 29), ("UNUSED", 31)];
    let known = NAMES.iter().position(|known| *known == name).and_then(|index| u8::try_from(index + 1).ok());
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, number)| *number);
    known.or(alias).or_else(|| real_time(name))
}

fn real_time(name: &str) -> Option<u8> {
    let (base, sign, rest) = if let Some(rest) = name.strip_prefix("RTMIN") {
        (34_i64, '+', rest)
    } else {
        (64, '-', name.strip_prefix("RTMAX")?)
    };
    if rest.is_empty() {
        return u8::try_from(base).ok();
    }
    let digits = rest.strip_prefix(sign)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let offset: i64 = if significant.is_empty() { 0 } else { significant.get(..).filter(|text| text.len() <= 2)?.parse().ok()? };
    let number = if sign == '+' { base + offset } else { base - offset };
    u8::try_from(number).ok().filter(|number| (34..=64).contains(number))
}
