//! Tests of rules as they are written.

use super::*;
use proptest::prelude::*;

#[test]
fn what_has_not_the_shape_of_a_rule_is_called_none() {
    for rule in ["", "15", ":", ":3", "15:", "15:@all", "@child", ":3@all", "1:2:3", "1::3", "1:2:"] {
        let error = Rule::parse(rule).unwrap_err();
        assert!(matches!(*error, RuleError::Rule(_, Fault::NotARule)), "{rule}");
    }
}

#[test]
fn what_is_not_exactly_a_rule_is_refused() {
    for rule in [
        "",
        "15",
        ":",
        "15:",
        ":3",
        "15:3abc",
        "0:3",
        "15:65",
        "65:15",
        "15:3:9",
        "15 :3",
        " 15:3",
        "15:3 ",
        "-15:3",
        "15:-3",
        "+15:3",
        "15:=3",
        "=15:3",
        "15:3,",
        ",15:3",
        "15:3,,1:2",
        "KILL:TERM",
        "9:15",
        "STOP:TERM",
        "CHLD:TERM",
        "HUP@",
        "@child",
        "HUP@@child",
        "HUP@child@all",
        "HUP@kid",
        "HUP:@child",
        "HUP@Child",
        "HUP @child",
        "HUP@child ",
        ":3@child",
        "CHLD@all",
        "17:0",
        "15;3",
        "１５:3",
        "4294967311:3",
        "99999999999999999999:3",
    ] {
        assert!(Rule::parse_list(rule).is_err(), "{rule:?}");
    }
}

#[test]
fn the_error_says_why_a_signal_has_no_rule() {
    let message = |rule| Rule::parse(rule).map_err(|error| error.to_string());
    assert_eq!(
        message("9:15"),
        Err("KILL cannot be rewritten: no process can catch it, so session-init never sees it".to_owned())
    );
    assert!(message("CLD:0").is_err_and(|text| text.contains("how ended children are reported")));
    assert!(message("TREM:3").is_err_and(|text| text.ends_with("did you mean TERM?")));
}

#[test]
fn a_rule_may_have_steps() {
    let steps = |rule| match Rule::parse(rule).unwrap().to {
        To::Steps(steps) => steps,
        other => panic!("{other:?}"),
    };
    let seconds = |count| Step::Wait(Duration::from_secs(count));
    let (term, kill) = (Signal::TERM, Signal::KILL);
    assert_eq!(steps("TERM:QUIT"), [Step::Send(Signal::QUIT, None)]);
    assert_eq!(steps("TERM:10s/TERM"), [seconds(10), Step::Send(term, None)]);
    let stages = [Step::Send(term, Some(Target::Child)), seconds(90), Step::Send(kill, Some(Target::All))];
    assert_eq!(steps("TERM:TERM@child/1.5m/9@all"), stages);
    assert_eq!(steps("TERM:15/500ms/INT/1h/KILL").len(), 5);
    assert_eq!(steps("TERM:0s/TERM"), [Step::Wait(Duration::ZERO), Step::Send(term, None)]);
    // A number without a unit is that of a signal.
    assert_eq!(steps("TERM:10/TERM"), [Step::Send(Signal::USR1, None), Step::Send(term, None)]);
    assert_eq!(steps(&format!("TERM:{}", ["TERM"; 16].join("/"))).len(), 16);
}

#[test]
fn each_wrong_sequence_has_an_error_of_its_own() {
    let error = |rule: &str| *Rule::parse(rule).unwrap_err();
    let (many, too_many) = (["TERM"; 16].join("/"), ["TERM"; 17].join("/"));
    assert!(Rule::parse(&format!("TERM:{many}")).is_ok());
    for (steps, fault) in [
        ("TERM/10s", Fault::WaitAtTheEnd),
        ("10s", Fault::WaitAtTheEnd),
        ("1s/2s/TERM", Fault::TwoWaits),
        ("100/TERM", Fault::NoUnit),
        ("1.5/TERM", Fault::NoUnit),
        ("/TERM", Fault::EmptyStep),
        ("TERM/", Fault::EmptyStep),
        ("TERM//KILL", Fault::EmptyStep),
        ("/", Fault::EmptyStep),
        ("TERM/@all", Fault::EmptyStep),
        ("@all", Fault::NotARule),
        (&too_many, Fault::TooManySteps),
        ("10s@all/TERM", Fault::TargetOfWait),
        ("0/TERM", Fault::DropAmongOthers),
        ("TERM/0", Fault::DropAmongOthers),
        ("TERM/0@all", Fault::DropAmongOthers),
    ] {
        let rule = format!("TERM:{steps}");
        assert_eq!(error(&rule), RuleError::Rule(rule.clone(), fault));
    }
    for rule in ["TERM:infinity/TERM", "TERM:10 s/TERM", "TERM:-1s/TERM", "TERM:1e3s/TERM", "TERM:TERM /KILL"] {
        assert!(matches!(error(rule), RuleError::Signal(_)), "{rule}");
    }
    assert!(matches!(error("TERM:TERM@kid/1s/KILL"), RuleError::Target(_)));
    assert!(matches!(error("TERM:TERM/1s/TREM"), RuleError::Signal(_)));
}

proptest! {
    #[test]
    fn no_word_makes_the_parser_panic(word in "\\PC*") {
        let _ = Rule::parse_list(&word);
    }
}
