# bash completion for session-init. Made from the flag table by `make docs`.

_session_init() {
  local current=${COMP_WORDS[COMP_CWORD]} option= words= index
  COMPREPLY=()
  # COMMAND begins at the first word that is neither an option nor a value, or behind two dashes.
  for ((index = 1; index < COMP_CWORD; index++)); do
    case ${COMP_WORDS[index]} in
    --)
      _session_init_command $((index + 1))
      return
      ;;
    -r|--rewrite|--target|--pre-stop|-t|--grace|-k|--kill-after|-e|--remap-exit|-p|--parent-death-signal)
      # bash splits --option=value into three words.
      [[ ${COMP_WORDS[index + 1]} == '=' ]] && index=$((index + 1))
      index=$((index + 1))
      ;;
    -*) ;;
    *)
      _session_init_command "$index"
      return
      ;;
    esac
  done
  option=${COMP_WORDS[COMP_CWORD - 1]}
  [[ $current == '=' ]] && current=
  [[ $option == '=' ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
  case $option in
    -r|--rewrite) words='HUP: INT: QUIT: ILL: TRAP: ABRT: BUS: FPE: USR1: SEGV: USR2: PIPE: ALRM: TERM: STKFLT: CONT: TSTP: TTIN: TTOU: URG: XCPU: XFSZ: VTALRM: PROF: WINCH: IO: PWR: SYS: RTMIN: RTMAX:' ;;
    --target) words='child group session all' ;;
    --pre-stop) words='' ;;
    -t|--grace) words='1s 5s 10s 30s 1m infinity' ;;
    -k|--kill-after) words='1s 5s 10s 30s 1m infinity' ;;
    -e|--remap-exit) words='' ;;
    -p|--parent-death-signal) words='HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM STKFLT CONT TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS RTMIN RTMAX' ;;
    *)
      if [[ $current == -* ]]; then
        words='-r --rewrite -c --single-child --target -g --pre-stop -t --grace -k --kill-after --linger -e --remap-exit --exit-by-signal -p --parent-death-signal -P --pause -s --subreaper -w --warn-on-reap -v --verbose --explain --inspect -h --help -V --version'
      else
        COMPREPLY=($(compgen -c -- "$current"))
        return
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
  return 0
}

# Completes COMMAND, whose first word is this one, as if it stood alone.
_session_init_command() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif (($1 == COMP_CWORD)); then
    COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
}

complete -F _session_init session-init
