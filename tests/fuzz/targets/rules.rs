//! Rewrite rules, compared with a second reading of their grammar.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_init::route::{Place, Table};
use session_init::rule::{Rule, Target};
use session_init::signal::Signal;

fuzz_target!(|list: &str| {
    let rules = Rule::parse_list(list);
    assert_eq!(rules.is_ok(), list.split(',').all(is_rule), "{list:?}: {rules:?}");
    if let Ok(rules) = rules {
        let table = Table::new(Target::Group, Place::Own, &rules);
        for signal in Signal::all() {
            let _ = table.route(signal);
        }
    }
});

fn is_rule(rule: &str) -> bool {
    let from_is_good = |from: &str| signal(from).is_some_and(|number| ![9, 17, 19].contains(&number));
    let Some((from, to)) = rule.split_once(':') else {
        return rule.split_once('@').is_some_and(|(from, target)| from_is_good(from) && is_target(target));
    };
    let (first, target) = to.split_once('@').map_or((to, None), |(first, target)| (first, Some(target)));
    from_is_good(from) && (is_zero(first) && target.is_none_or(is_target) || are_steps(to))
}

fn is_target(word: &str) -> bool {
    ["child", "group", "session", "all"].contains(&word)
}

/// Signals with waits between them, and before the first.
fn are_steps(to: &str) -> bool {
    let steps: Vec<&str> = to.split('/').collect();
    let is_signal = |step: &str| match step.split_once('@') {
        Some((name, target)) => signal(name).is_some() && is_target(target),
        None => signal(step).is_some(),
    };
    let waits: Vec<bool> = steps.iter().map(|step| is_wait(step)).collect();
    steps.len() <= 16
        && steps.iter().zip(&waits).all(|(step, is_wait)| *is_wait || is_signal(step))
        && !waits.ends_with(&[true])
        && !waits.windows(2).any(|pair| pair == [true, true])
}

/// A duration with its unit, of at most as many nanoseconds as 64 bits hold.
fn is_wait(word: &str) -> bool {
    let units = [("ms", 1_000_000_u128), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];
    let Some((number, unit)) = units.iter().find_map(|(name, unit)| Some((word.strip_suffix(name)?, *unit))) else {
        return false;
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return false;
    }
    let significant = whole.trim_start_matches('0');
    let Some(whole) = (significant.len() < 21).then(|| significant.parse::<u128>().unwrap_or(0)) else { return false };
    // Each further digit is worth a tenth of the one before, and what is less than a nanosecond nothing.
    let mut worth = unit;
    let rest: u128 = fraction.bytes().map(|digit| {
        worth /= 10;
        u128::from(digit - b'0') * worth
    }).sum();
    whole * unit + rest <= u128::from(u64::MAX)
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
