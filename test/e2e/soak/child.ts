/** A part of the soak in a process of its own, so that none waits for the others' work. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export interface Child {
  /** Asks it to end, and waits until it has. */
  readonly stop: () => Promise<void>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const ROOT = join(import.meta.dirname, '..', '..', '..');
const STOP_WITHIN_MS = 60_000;

/**
 * Starts `<name>-process.ts`.
 *
 * @param onMessage told of what it sends.
 * @param onFailure told when it ends without having been asked to.
 */
export function startChild<Message>(options: {
  readonly name: string;
  readonly environment: Environment;
  readonly onMessage: (message: Message) => void;
  readonly onFailure: (error: Error) => void;
}): Child {
  const { name, environment, onMessage, onFailure } = options;
  const child = fork(join(import.meta.dirname, `${name}-process.ts`), {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...environment },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = lastOutput(child);
  let asked = false;
  child.on('message', (message) => onMessage(message as Message));
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      if (!asked) onFailure(new Error(`${name} ended with ${signal ?? `code ${code}`}\n${output()}`));
      resolve();
    });
  });
  return {
    stop: async () => {
      asked = true;
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}

function lastOutput(child: ChildProcess): () => string {
  let text = '';
  const take = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-8_000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}
