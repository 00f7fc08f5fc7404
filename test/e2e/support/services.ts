import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Service {
  readonly url: string;
  /** Everything the program has printed so far. */
  readonly output: () => string;
  /** SIGTERM, then SIGKILL; resolves when the process is gone. */
  readonly stop: () => Promise<void>;
}

export interface RegistryOptions {
  readonly s3Endpoint: string;
  readonly bucket: string;
  /** Distribution's `rootdirectory`. @default none, keys start at `docker/registry/v2/` */
  readonly rootDirectory?: string;
  /** @default us-east-1 */
  readonly region?: string;
  /** Starts the registry so that it answers pulls and refuses pushes. @default false */
  readonly readOnly?: boolean;
  /** Where the registry sends its events, as the README tells operators to set it up. @default nowhere */
  readonly notifications?: { readonly url: string; readonly secret: string };
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly installedBy: string;
  /** Finds the port the program was given by the OS in what it prints. */
  readonly listening: RegExp;
  readonly ready: string;
}

/** See `sitecustomize.py` there for what is corrected and why. */
const MOTO_CORRECTIONS = join(import.meta.dirname, 'moto');
const READY_WITHIN_MS = 60_000;
const POLL_MS = 50;
const TERM_WITHIN_MS = 5_000;
const KEPT_OUTPUT = 64_000;

/** Both programs listen on port 0 and say which port they got, so no two runs can race for one. */
export function startMoto(): Promise<Service> {
  return start({
    command: 'moto_server',
    args: ['-H', '127.0.0.1', '-p', '0'],
    env: motoEnvironment(),
    installedBy: 'pip package moto[server]',
    listening: /Running on http:\/\/127\.0\.0\.1:(\d+)/,
    ready: '/moto-api/',
  });
}

/** Starts an unmodified CNCF distribution registry over an existing bucket. */
export async function startRegistry(options: RegistryOptions): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'registry-prune-registry-'));
  const config = join(directory, 'config.yml');
  try {
    // YAML is a superset of JSON, so the configuration needs no YAML writer.
    await writeFile(config, JSON.stringify(registryConfig(options), null, 2));
    const service = await start({
      command: 'docker-registry',
      args: ['serve', config],
      env: programEnvironment(),
      installedBy: 'Debian package docker-registry',
      listening: /listening on 127\.0\.0\.1:(\d+)/,
      ready: '/v2/',
    });
    return {
      ...service,
      stop: async () => {
        await service.stop();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

export function registryConfig(options: RegistryOptions): object {
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      s3: {
        accesskey: 'testing',
        secretkey: 'testing',
        region: options.region ?? 'us-east-1',
        regionendpoint: options.s3Endpoint,
        bucket: options.bucket,
        secure: false,
        v4auth: true,
        ...(options.rootDirectory === undefined ? {} : { rootdirectory: options.rootDirectory }),
      },
      redirect: { disable: true },
      delete: { enabled: true },
      maintenance: {
        uploadpurging: { enabled: false },
        readonly: { enabled: options.readOnly ?? false },
      },
    },
    http: { addr: '127.0.0.1:0', secret: 'registry-prune-e2e' },
    ...(options.notifications === undefined ? {} : { notifications: endpointsOf(options.notifications) }),
  };
}

function endpointsOf({ url, secret }: NonNullable<RegistryOptions['notifications']>): object {
  const endpoint = {
    name: 'registry-prune',
    url,
    headers: { Authorization: [`Bearer ${secret}`] },
    timeout: '5s',
    threshold: 5,
    backoff: '1s',
    ignore: { mediatypes: ['application/octet-stream'], actions: ['push', 'mount', 'delete'] },
  };
  return { endpoints: [endpoint] };
}

/** The S3 driver cannot start with the machine's AWS_CA_BUNDLE, and no test may see real credentials. */
function programEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(AWS_|REGISTRY_|.*_PROXY$)/i.test(name));
  return Object.fromEntries(kept);
}

function motoEnvironment(): NodeJS.ProcessEnv {
  const path = [MOTO_CORRECTIONS, process.env['PYTHONPATH']].filter((entry) => entry !== undefined);
  return {
    ...programEnvironment(),
    PYTHONPATH: path.join(delimiter),
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

async function start(program: Program): Promise<Service> {
  const child = spawn(program.command, program.args, {
    env: program.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  let ended: string | undefined;
  const gone = new Promise<void>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      ended =
        error.code === 'ENOENT'
          ? `${program.command} is not installed: it comes with the ${program.installedBy}`
          : `${program.command} could not be started: ${error.message}`;
      resolve();
    });
    child.once('exit', (code, signal) => {
      ended ??= `${program.command} ended with ${signal ?? `code ${code}`}`;
      resolve();
    });
  });
  const guard = dieWithMe(child);
  const stop = async () => {
    await end(child, gone);
    guard.release();
  };
  try {
    const url = await ready(
      program,
      () => ended,
      () => output(),
    );
    return { url, output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(
  program: Program,
  ended: () => string | undefined,
  output: () => string,
): Promise<string> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    const end = ended();
    if (end !== undefined) throw new Error(`${end}\n${output()}`);
    const port = program.listening.exec(output())?.[1];
    if (port !== undefined) {
      const url = `http://127.0.0.1:${port}`;
      if (await answers(url + program.ready)) return url;
    }
    await delay(POLL_MS);
  }
  throw new Error(`${program.command} was not ready within ${READY_WITHIN_MS} ms\n${output()}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function collect(child: ChildProcess): () => string {
  let text = '';
  const take = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}

/**
 * A shell that waits for the end of its input and then kills the child. Its input ends when this process ends in
 * whatever way, SIGKILL included, which no `exit` handler would see.
 */
export function dieWithMe(child: ChildProcess): { release: () => void } {
  if (child.pid === undefined) return { release: () => undefined };
  const guard = spawn('sh', ['-c', 'read _; kill -9 "$1" 2>/dev/null', 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return { release: () => guard.kill('SIGKILL') };
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), TERM_WITHIN_MS);
  await gone;
  clearTimeout(timer);
}
