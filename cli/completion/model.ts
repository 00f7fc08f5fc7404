/** What can be typed, read off the command tree: the one source of the scripts of all shells. */
import { type Argument, type Command, Help, type Option } from 'commander';

/** What stands after an option, or as an argument. */
export type Value =
  | { readonly kind: 'choices'; readonly name: string; readonly choices: readonly string[] }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'other'; readonly name: string };

export interface OptionModel {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly description: string;
  /** Absent for a switch. */
  readonly value?: Value | undefined;
  readonly repeatable: boolean;
}

export interface CommandModel {
  readonly name: string;
  /** The names from below the program's on, `runs show`; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly options: readonly OptionModel[];
  readonly args: readonly Value[];
  readonly commands: readonly CommandModel[];
}

/** Hidden commands and options are left out; `help` and `--help` are in. */
export function modelOf(command: Command, path = ''): CommandModel {
  const help = new Help();
  const children = help.visibleCommands(command);
  const below = (child: Command): string => (path === '' ? child.name() : `${path} ${child.name()}`);
  const options = [...help.visibleOptions(command), ...optionsOfDefault(command, help)];
  return {
    name: command.name(),
    path,
    description: command.description(),
    options: [...new Map(options.map((option) => [option.flags, optionModel(option)])).values()],
    args: command.registeredArguments.map((argument) => argumentModel(argument)),
    commands: children.map((child) =>
      command.commands.includes(child)
        ? modelOf(child, below(child))
        : helpModel(child, below(child), children),
    ),
  };
}

/** The command and all below it, from the top. */
export function allCommands(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(allCommands)];
}

/** As it is typed: the long name where there is one. */
export const nameOf = ({ long, short }: OptionModel): string => long ?? short ?? '';

/** What a command takes when none of its own commands is named. Commander has no word for asking which. */
function optionsOfDefault(command: Command, help: Help): Option[] {
  const name: unknown = Reflect.get(command, '_defaultCommandName');
  const child = command.commands.find((one) => one.name() === name);
  return child === undefined ? [] : help.visibleOptions(child);
}

/** Commander's own command, which takes the name of another one. */
function helpModel(command: Command, path: string, others: readonly Command[]): CommandModel {
  const choices = others.filter((other) => other !== command).map((other) => other.name());
  return {
    ...{ name: command.name(), path, description: command.description() },
    ...{ options: [], args: [{ kind: 'choices', name: 'command', choices }], commands: [] },
  };
}

function optionModel(option: Option): OptionModel {
  const name = /[<[]([^\]>.]+)/.exec(option.flags)?.[1];
  return {
    ...{ short: option.short, long: option.long, description: option.description },
    value: name === undefined ? undefined : valueNamed(name, option.argChoices),
    repeatable: option.variadic || (option.parseArg !== undefined && option.argChoices === undefined),
  };
}

const argumentModel = (argument: Argument): Value => valueNamed(argument.name(), argument.argChoices);

function valueNamed(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'choices', name, choices };
  return { kind: name === 'file' ? 'file' : 'other', name };
}
