/** The script for fish 3.0 and later: a line for each thing that can be typed. */
import { allCommands, type CommandModel, type OptionModel, type Value } from './model.ts';

export function fishScript(program: CommandModel): string {
  const commands = allCommands(program);
  const takeValues = commands.flatMap(({ path, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .flatMap(({ long, short }) => [long, short].filter((name) => name !== undefined))
      .map((name) => quoted(`${path}|${name}`)),
  );
  const steps = commands.flatMap(({ path, commands: children }) =>
    children.map(
      (child) => `      case ${quoted(`${path}|${child.name}`)}\n        set command ${quoted(child.path)}`,
    ),
  );
  return `# fish completion of ${program.name}
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
${[...steps, ...(takeValues.length === 0 ? [] : [`      case ${takeValues.join(' ')}\n        set skip 1`])].join('\n')}
    end
  end
  test "$command" = "$argv[1]"
end

complete -c ${program.name} -f
${commands.flatMap((command) => linesOf(program, command)).join('\n')}
`;
}

function linesOf(program: CommandModel, command: CommandModel): string[] {
  const { path, options, args, commands } = command;
  const line = (...rest: (string | undefined)[]): string =>
    [
      ...['complete', '-c', program.name, '-n', quoted(`__registry_prune_at ${quoted(path)}`)],
      ...rest.filter((part) => part !== undefined && part !== ''),
    ].join(' ');
  return [
    ...commands.map(({ name, description }) => line('-a', quoted(name), '-d', quoted(description))),
    ...args.flatMap((value) => (value.kind === 'other' ? [] : [line(candidates(value))])),
    ...options.map((option) => line(namesOf(option), optionValue(option), '-d', quoted(option.description))),
  ];
}

const namesOf = ({ short, long }: OptionModel): string =>
  [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
  ].join(' ');

/** `-x` takes a value and no file, `-r -F` a file. */
function optionValue({ value }: OptionModel): string | undefined {
  if (value === undefined) return undefined;
  if (value.kind === 'file') return '-r -F';
  return value.kind === 'choices' ? `-x ${candidates(value)}` : '-x';
}

function candidates(value: Value): string | undefined {
  switch (value.kind) {
    case 'choices':
      return `-a ${quoted(value.choices.join(' '))}`;
    case 'file':
      return '-F';
    default:
      return undefined;
  }
}

const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, (character) => `\\${character}`)}'`;
