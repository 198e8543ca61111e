//! Completions for the shells.

use std::fmt::Write;

use session_init::cli::flags::{Effect, FLAGS, Flag, Group};
use session_init::signal::Signal;

const TARGETS: &str = "child group session all";
const DURATIONS: &str = "1s 5s 10s 30s 1m infinity";

/// What can stand for a value that the help text calls by this name.
fn values(name: &str) -> String {
    match name {
        "TARGET" => TARGETS.to_owned(),
        "DURATION" => DURATIONS.to_owned(),
        "SIGNAL" => signals().join(" "),
        // The beginning of a rule.
        "RULE[,...]" => signals().iter().map(|signal| format!("{signal}:")).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// The names of those that can be received.
fn signals() -> Vec<String> {
    let hidden = [Signal::KILL, Signal::STOP, Signal::CHLD];
    let named = Signal::all().filter(|signal| signal.number() < 32 && !hidden.contains(signal));
    named.map(|signal| signal.to_string()).chain(["RTMIN".to_owned(), "RTMAX".to_owned()]).collect()
}

fn value_name(flag: &Flag) -> Option<&'static str> {
    flag.effect.value()
}

fn forms(flag: &Flag) -> Vec<String> {
    let long = (!flag.long.is_empty()).then(|| format!("--{}", flag.long));
    flag.short.map(|letter| format!("-{letter}")).into_iter().chain(long).collect()
}

/// One line: the first sentence of the help text.
pub(crate) fn summary(flag: &Flag) -> String {
    let text = flag.help.join(" ");
    let text = text.split(';').next().unwrap_or_default();
    // Parentheses and lists are for those who read on.
    text.split(" (").next().unwrap_or_default().trim_end_matches(',').to_owned()
}

pub(crate) fn bash() -> String {
    let with_value: Vec<&Flag> = FLAGS.iter().filter(|flag| value_name(flag).is_some()).collect();
    let value_options = with_value.iter().flat_map(|flag| forms(flag)).collect::<Vec<_>>().join("|");
    let mut cases = String::new();
    for flag in with_value {
        let values = values(value_name(flag).unwrap_or_default());
        let _ = writeln!(cases, "    {}) words='{values}' ;;", forms(flag).join("|"));
    }
    let options = FLAGS.iter().flat_map(forms).collect::<Vec<_>>().join(" ");
    format!(
        r#"# bash completion for session-init. Made from the flag table by `make docs`.

_session_init() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} option= words= index
  COMPREPLY=()
  # COMMAND begins at the first word that is neither an option nor a value, or behind two dashes.
  for ((index = 1; index < COMP_CWORD; index++)); do
    case ${{COMP_WORDS[index]}} in
    --)
      _session_init_command $((index + 1))
      return
      ;;
    {value_options})
      # bash splits --option=value into three words.
      [[ ${{COMP_WORDS[index + 1]}} == '=' ]] && index=$((index + 1))
      index=$((index + 1))
      ;;
    -*) ;;
    *)
      _session_init_command "$index"
      return
      ;;
    esac
  done
  option=${{COMP_WORDS[COMP_CWORD - 1]}}
  [[ $current == '=' ]] && current=
  [[ $option == '=' ]] && option=${{COMP_WORDS[COMP_CWORD - 2]}}
  case $option in
{cases}    *)
      if [[ $current == -* ]]; then
        words='{options}'
      else
        COMPREPLY=($(compgen -c -- "$current"))
        return
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${{COMPREPLY[0]}} == *: ]] && compopt -o nospace 2>/dev/null
  return 0
}}

# Completes COMMAND, whose first word is this one, as if it stood alone.
_session_init_command() {{
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif (($1 == COMP_CWORD)); then
    COMPREPLY=($(compgen -c -- "${{COMP_WORDS[COMP_CWORD]}}"))
  else
    COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
  fi
}}

complete -F _session_init session-init
"#
    )
}

pub(crate) fn zsh() -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let specs: String = FLAGS
        .iter()
        .map(|flag| {
            let value = value_name(flag).map_or(String::new(), |name| {
                let values = values(name);
                let action =
                    if values.is_empty() { " ".to_owned() } else { format!("({})", values.replace(':', "\\:")) };
                let name: String = name.chars().take_while(char::is_ascii_uppercase).collect();
                format!(":{}:{action}", name.to_lowercase())
            });
            let repeatable =
                if matches!(flag.effect, Effect::Level(_)) || flag.group == Group::Signals { "*" } else { "" };
            let lines = forms(flag).into_iter().map(|form| {
                let joined = match (value_name(flag), form.starts_with("--")) {
                    (Some(_), true) => "=",
                    (Some(_), false) => "+",
                    (None, _) => "",
                };
                format!("  '{repeatable}{form}{joined}[{}]{value}'\n", quoted(&summary(flag)))
            });
            lines.collect::<String>()
        })
        .collect();
    format!(
        "#compdef session-init\n# zsh completion for session-init. Made from the flag table by `make docs`.\n\n\
         local -a options\noptions=(\n{specs})\n\n_arguments -s -S $options '(-)1: :_command_names -e' '*:: :_normal'\n"
    )
}

pub(crate) fn fish() -> String {
    let mut text = String::from(
        "# fish completion for session-init. Made from the flag table by `make docs`.\n\n\
         complete -c session-init -f -a '(__fish_complete_subcommand)'\n",
    );
    for flag in FLAGS {
        let short = flag.short.map(|letter| format!(" -s {letter}")).unwrap_or_default();
        let long = if flag.long.is_empty() { String::new() } else { format!(" -l {}", flag.long) };
        let value = value_name(flag).map_or(String::new(), |name| format!(" -x -a '{}'", values(name)));
        let summary = summary(flag).replace('\'', "\\'");
        let _ = writeln!(text, "complete -c session-init{short}{long}{value} -d '{summary}'");
    }
    text
}
