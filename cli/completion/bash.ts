/** The script for bash 3.2 and later. */
import { allCommands, type CommandModel, nameOf, type OptionModel } from './model.ts';

export function bashScript(program: CommandModel): string {
  const commands = allCommands(program);
  const valued = commands.flatMap((command) =>
    command.options.flatMap((option) => (option.value === undefined ? [] : [{ command, option }])),
  );
  const takeValues = valued.flatMap(({ command, option }) =>
    namesOf(option).map((name) => at(command, name)),
  );
  return `# bash completion of ${program.name}
_registry_prune_offer() {
  local candidate
  while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen "$@" -- "$cur")
}

_registry_prune() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command='' option='' options='' words='' files='' word i=1
  COMPREPLY=()
  while ((i < COMP_CWORD)); do
    word=\${COMP_WORDS[i]}
    case "$command|$word" in
${commands.flatMap(stepsOf).join('\n')}
${
  takeValues.length === 0
    ? ''
    : `      ${takeValues.join(' | ')})
        # Bash takes --name=value apart into three words.
        ((i++))
        if ((i < COMP_CWORD)) && [[ \${COMP_WORDS[i]} == = ]]; then ((i++)); fi
        if ((i >= COMP_CWORD)); then option="$command|$word"; fi
        ;;
`
}    esac
    ((i++))
  done
  if [[ $cur == = ]]; then cur=''; fi
  case "$option" in
${valued.flatMap(({ command, option }) => valueCase(command, option)).join('\n')}
    ?*) return ;;
  esac
  case "$command" in
${commands.map(wordsCase).join('\n')}
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

complete -F _registry_prune ${program.name}
`;
}

/** Pattern for a word after a command. */
const at = ({ path }: CommandModel, word: string): string => quoted(`${path}|${word}`);

const namesOf = ({ long, short }: OptionModel): string[] =>
  [long, short].filter((name) => name !== undefined);

const stepsOf = (command: CommandModel): string[] =>
  command.commands.map((child) => `      ${at(command, child.name)}) command=${quoted(child.path)} ;;`);

function valueCase(command: CommandModel, option: OptionModel): string[] {
  const pattern = namesOf(option)
    .map((name) => at(command, name))
    .join(' | ');
  switch (option.value?.kind) {
    case 'choices':
      return [
        `    ${pattern}) _registry_prune_offer -W ${quoted(option.value.choices.join(' '))}; return ;;`,
      ];
    case 'file':
      return [`    ${pattern}) compopt -o filenames 2> /dev/null; _registry_prune_offer -f; return ;;`];
    default:
      return [];
  }
}

function wordsCase({ path, options, args, commands }: CommandModel): string {
  const words = [
    ...commands.map(({ name }) => name),
    ...args.flatMap((value) => (value.kind === 'choices' ? value.choices : [])),
  ];
  const assignments = [
    `options=${quoted(options.map(nameOf).join(' '))}`,
    ...(words.length === 0 ? [] : [`words=${quoted(words.join(' '))}`]),
    ...(args.some(({ kind }) => kind === 'file') ? ['files=1'] : []),
  ];
  return `    ${quoted(path)}) ${assignments.join(' ')} ;;`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
