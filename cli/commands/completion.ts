/** `completion`: a script with which the shell completes what is typed. */
import { Argument } from 'commander';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { type CommandModel, modelOf } from '../completion/model.ts';
import { zshScript } from '../completion/zsh.ts';
import { EXIT } from '../exit-codes.ts';
import type { Host } from '../terminal.ts';

const SCRIPTS: ReadonlyMap<string, (program: CommandModel) => string> = new Map([
  ['bash', bashScript],
  ['zsh', zshScript],
  ['fish', fishScript],
]);

const INSTALL = `
What is completed is the command registry-prune, as \`npm link\` installs it. To have it in each new shell:
  bash  registry-prune completion bash > ~/.local/share/bash-completion/completions/registry-prune
        where the package bash-completion is installed
  zsh   registry-prune completion zsh > ~/.zfunc/_registry-prune
        and in ~/.zshrc, before compinit: fpath+=(~/.zfunc)
  fish  registry-prune completion fish > ~/.config/fish/completions/registry-prune.fish`;

/** After all others: what is added later is not completed. */
export function addCompletion(program: Command, cli: Cli): void {
  const command = program
    .command('completion')
    .description('print the script with which a shell completes commands, options and their values')
    .addArgument(new Argument('<shell>', 'whose script').choices([...SCRIPTS.keys()]))
    .action(cli.run((host, shell: string) => completionCommand(host, program, shell)));
  command.addHelpText('after', INSTALL);
  withExamples(command, [
    'source <(registry-prune completion bash)   # in this shell only',
    'registry-prune completion fish | source',
  ]);
}

async function completionCommand(host: Host, program: Command, shell: string): Promise<number> {
  // Commander has checked that there is one.
  host.stdout.write(SCRIPTS.get(shell)?.(modelOf(program)) ?? '');
  return EXIT.done;
}
