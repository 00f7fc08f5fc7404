import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { COMPILED } from '../../support/compiled.ts';
import { CREDENTIALS, REGION } from './bucket.ts';
import { dieWithMe } from './services.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSettings {
  readonly endpoint: string;
  readonly table: string;
  readonly bucket: string;
  readonly bus: string;
  readonly journalPrefix: string;
  readonly root?: string;
  readonly grace?: string;
  readonly quarantine?: string;
}

const ROOT = join(import.meta.dirname, '..', '..', '..');
const TIMEOUT_MS = 120_000;
const STOP_WITHIN_MS = 10_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** The product's configuration, and nothing of the machine's own AWS set-up. */
export function cliEnvironment(settings: CliSettings): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: settings.endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    METADATA_TABLE: settings.table,
    REGISTRY_BUCKET: settings.bucket,
    REGISTRY_ROOT: settings.root ?? '',
    EVENT_BUS: settings.bus,
    JOURNAL_PREFIX: settings.journalPrefix,
    ...(settings.grace === undefined ? {} : { GRACE: settings.grace }),
    ...(settings.quarantine === undefined ? {} : { QUARANTINE: settings.quarantine }),
  };
}

/** Runs the command line as its users do, in a process of its own. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['cli/main.ts', ...args],
      {
        cwd: ROOT,
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...COMPILED, ...env },
        timeout: TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(new Error(`cli ${args.join(' ')}\n${stdout}${stderr}`, { cause: error }));
      },
    );
  });
}

/** A command that runs until it is stopped. */
export interface RunningCli {
  /** What it has said on standard error so far. */
  readonly stderr: () => string;
  /** SIGTERM, as a service manager does; resolves when the process is gone. */
  readonly stop: () => Promise<CliResult>;
}

/** A command in a process of its own, which ends with this one at the latest. */
export interface LaunchedCli {
  readonly kill: (signal: NodeJS.Signals) => void;
  /** What it has said so far. */
  readonly said: { stdout: string; stderr: string };
  /** When it is gone: its code, or the signal that ended it. */
  readonly closed: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

export function launchCli(args: readonly string[], env: Readonly<Record<string, string>>): LaunchedCli {
  const child = spawn(process.execPath, ['cli/main.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...COMPILED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const guard = dieWithMe(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
  });
  const closed = new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  }).finally(() => guard.release());
  return { kill: (signal) => child.kill(signal), said, closed };
}

/** Starts a command that is to be stopped. */
export function startCli(args: readonly string[], env: Readonly<Record<string, string>>): RunningCli {
  const { kill, said, closed } = launchCli(args, env);
  const ended = closed.then(([code, signal]): CliResult => {
    if (code !== null) return { code, ...said };
    throw new Error(`cli ${args.join(' ')} ended with ${signal}\n${said.stdout}${said.stderr}`);
  });
  // Whoever stops it hears of it.
  ended.catch(() => undefined);
  return {
    stderr: () => said.stderr,
    stop: async () => {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), STOP_WITHIN_MS);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
