#compdef registry-prune
# zsh completion of registry-prune

_registry-prune() {
  local context state state_descr line ret=1
  local -A opt_args
  local -a commands
  _arguments -C -s \
    '(- *)'{-V,--version}'[output the version number]' \
    '(- *)'{-h,--help}'[display help for command]' \
    '1: :->command' \
    '(-)*:: :->rest' && ret=0
  case $state in
    command)
      commands=(
        'apply:takes a file: a [plan]'
        'show:more than one'
        'help:display help for command'
      )
      _describe -t commands command commands && ret=0
      ;;
    rest)
      case $words[1] in
        apply) _registry-prune_apply && ret=0 ;;
        show) _registry-prune_show && ret=0 ;;
        help) _registry-prune_help && ret=0 ;;
      esac
      ;;
  esac
  return ret
}

_registry-prune_apply() {
  _arguments -s \
    '(-o --out)'{-o,--out=}'[where it'\''s written]:file:_files' \
    '--format=[how]:format:(text json)' \
    '*--only=[this one]:name:()' \
    '(- *)'{-h,--help}'[display help for command]' \
    '1:file:_files'
}

_registry-prune_show() {
  local context state state_descr line ret=1
  local -A opt_args
  local -a commands
  _arguments -C -s \
    '(- *)'{-h,--help}'[display help for command]' \
    '--limit=[how many]:count:()' \
    '1: :->command' \
    '(-)*:: :->rest' && ret=0
  case $state in
    command)
      commands=(
        'all:all of them'
        'one:one'
        'help:display help for command'
      )
      _describe -t commands command commands && ret=0
      ;;
    rest)
      case $words[1] in
        all) _registry-prune_show_all && ret=0 ;;
        one) _registry-prune_show_one && ret=0 ;;
        help) _registry-prune_show_help && ret=0 ;;
      esac
      ;;
  esac
  return ret
}

_registry-prune_show_all() {
  _arguments -s \
    '--limit=[how many]:count:()' \
    '(- *)'{-h,--help}'[display help for command]'
}

_registry-prune_show_one() {
  _arguments -s \
    '(- *)'{-h,--help}'[display help for command]' \
    '1:kind:(a b)'
}

_registry-prune_show_help() {
  _arguments -s \
    '1:command:(all one)'
}

_registry-prune_help() {
  _arguments -s \
    '1:command:(apply show)'
}

# Found in fpath, this file is the body of the function; sourced, it defines it.
if [[ $funcstack[1] == _registry-prune ]]; then
  _registry-prune "$@"
else
  compdef _registry-prune registry-prune
fi
