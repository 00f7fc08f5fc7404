/** The script for zsh: a function for each command. */
import { allCommands, type CommandModel, type OptionModel, type Value } from './model.ts';

export function zshScript(program: CommandModel): string {
  const name = functionOf(program, program);
  return `#compdef ${program.name}
# zsh completion of ${program.name}

${allCommands(program)
  .map((command) => commandFunction(program, command))
  .join('\n')}
# Found in fpath, this file is the body of the function; sourced, it defines it.
if [[ $funcstack[1] == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program.name}
fi
`;
}

const functionOf = (program: CommandModel, { path }: CommandModel): string =>
  ['_', program.name, path === '' ? '' : `_${path.replaceAll(' ', '_')}`].join('');

function commandFunction(program: CommandModel, command: CommandModel): string {
  const { options, args, commands } = command;
  const leaf = commands.length === 0;
  const specs = [
    ...options.map(optionSpec),
    ...(leaf
      ? args.map((value, index) => quoted(`${index + 1}:${valueSpec(value)}`))
      : // After the name of a command only the options of that one count.
        [quoted('1: :->command'), quoted('(-)*:: :->rest')]),
  ];
  const lines = specs.map((spec) => `    ${spec}`).join(' \\\n');
  if (leaf) {
    return `${functionOf(program, command)}() {
  _arguments -s \\
${lines}
}
`;
  }
  return `${functionOf(program, command)}() {
  local context state state_descr line ret=1
  local -A opt_args
  local -a commands
  _arguments -C -s \\
${lines} && ret=0
  case $state in
    command)
      commands=(
${commands.map(({ name, description }) => `        ${quoted(`${name}:${description}`)}`).join('\n')}
      )
      _describe -t commands command commands && ret=0
      ;;
    rest)
      case $words[1] in
${commands.map((child) => `        ${child.name}) ${functionOf(program, child)} && ret=0 ;;`).join('\n')}
      esac
      ;;
  esac
  return ret
}
`;
}

/** As _arguments reads it; both names of one option exclude each other unless it may come again. */
function optionSpec({ short, long, description, value, repeatable }: OptionModel): string {
  const names = [short, long].filter((name) => name !== undefined);
  const alone = long === '--help' || long === '--version';
  const excluded = alone ? '(- *)' : repeatable ? '*' : names.length > 1 ? `(${names.join(' ')})` : '';
  // With a value, --name=value is as good as --name value.
  const spelled = names.map((name) => (value !== undefined && name.startsWith('--') ? `${name}=` : name));
  const rest = `[${escaped(description)}]${value === undefined ? '' : `:${valueSpec(value)}`}`;
  return spelled.length === 1
    ? quoted(`${excluded}${spelled[0]}${rest}`)
    : `${quoted(excluded)}{${spelled.join(',')}}${quoted(rest)}`;
}

function valueSpec(value: Value): string {
  switch (value.kind) {
    case 'choices':
      return `${escaped(value.name)}:(${value.choices.join(' ')})`;
    case 'file':
      return `${escaped(value.name)}:_files`;
    default:
      // Nothing to offer. A blank would show the name alone, but then no option is completed beside it.
      return `${escaped(value.name)}:()`;
  }
}

/** What has a meaning inside a spec. */
const escaped = (text: string): string => text.replaceAll(/[\\[\]:]/g, (character) => `\\${character}`);

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
