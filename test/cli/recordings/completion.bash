# bash completion of registry-prune
_registry_prune_offer() {
  local candidate
  while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen "$@" -- "$cur")
}

_registry_prune() {
  local cur=${COMP_WORDS[COMP_CWORD]} command='' option='' options='' words='' files='' word i=1
  COMPREPLY=()
  while ((i < COMP_CWORD)); do
    word=${COMP_WORDS[i]}
    case "$command|$word" in
      '|apply') command='apply' ;;
      '|show') command='show' ;;
      '|help') command='help' ;;
      'show|all') command='show all' ;;
      'show|one') command='show one' ;;
      'show|help') command='show help' ;;
      'apply|--out' | 'apply|-o' | 'apply|--format' | 'apply|--only' | 'show|--limit' | 'show all|--limit')
        # Bash takes --name=value apart into three words.
        ((i++))
        if ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i]} == = ]]; then ((i++)); fi
        if ((i >= COMP_CWORD)); then option="$command|$word"; fi
        ;;
    esac
    ((i++))
  done
  if [[ $cur == = ]]; then cur=''; fi
  case "$option" in
    'apply|--out' | 'apply|-o') compopt -o filenames 2> /dev/null; _registry_prune_offer -f; return ;;
    'apply|--format') _registry_prune_offer -W 'text json'; return ;;
    ?*) return ;;
  esac
  case "$command" in
    '') options='--version --help' words='apply show help' ;;
    'apply') options='--out --format --only --help' files=1 ;;
    'show') options='--help --limit' words='all one help' ;;
    'show all') options='--limit --help' ;;
    'show one') options='--help' words='a b' ;;
    'show help') options='' words='all one' ;;
    'help') options='' words='apply show' ;;
  esac
  if [[ $cur == -* || -z "$cur$words$files" ]]; then
    _registry_prune_offer -W "$options"
    return
  fi
  _registry_prune_offer -W "$words"
  if [[ -n $files ]]; then
    compopt -o filenames 2> /dev/null
    _registry_prune_offer -f
  fi
}

complete -F _registry_prune registry-prune
