# fish completion of registry-prune
# Whether the command line so far is of this command.
function __registry_prune_at
  set -l command ''
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch "$command|$word"
      case '|apply'
        set command 'apply'
      case '|show'
        set command 'show'
      case '|help'
        set command 'help'
      case 'show|all'
        set command 'show all'
      case 'show|one'
        set command 'show one'
      case 'show|help'
        set command 'show help'
      case 'apply|--out' 'apply|-o' 'apply|--format' 'apply|--only' 'show|--limit' 'show all|--limit'
        set skip 1
    end
  end
  test "$command" = "$argv[1]"
end

complete -c registry-prune -f
complete -c registry-prune -n '__registry_prune_at \'\'' -a 'apply' -d 'takes a file: a [plan]'
complete -c registry-prune -n '__registry_prune_at \'\'' -a 'show' -d 'more than one'
complete -c registry-prune -n '__registry_prune_at \'\'' -a 'help' -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'\'' -s V -l version -d 'output the version number'
complete -c registry-prune -n '__registry_prune_at \'\'' -s h -l help -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'apply\'' -F
complete -c registry-prune -n '__registry_prune_at \'apply\'' -s o -l out -r -F -d 'where it\'s written'
complete -c registry-prune -n '__registry_prune_at \'apply\'' -l format -x -a 'text json' -d 'how'
complete -c registry-prune -n '__registry_prune_at \'apply\'' -l only -x -d 'this one'
complete -c registry-prune -n '__registry_prune_at \'apply\'' -s h -l help -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'show\'' -a 'all' -d 'all of them'
complete -c registry-prune -n '__registry_prune_at \'show\'' -a 'one' -d 'one'
complete -c registry-prune -n '__registry_prune_at \'show\'' -a 'help' -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'show\'' -s h -l help -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'show\'' -l limit -x -d 'how many'
complete -c registry-prune -n '__registry_prune_at \'show all\'' -l limit -x -d 'how many'
complete -c registry-prune -n '__registry_prune_at \'show all\'' -s h -l help -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'show one\'' -a 'a b'
complete -c registry-prune -n '__registry_prune_at \'show one\'' -s h -l help -d 'display help for command'
complete -c registry-prune -n '__registry_prune_at \'show help\'' -a 'all one'
complete -c registry-prune -n '__registry_prune_at \'help\'' -a 'apply show'
