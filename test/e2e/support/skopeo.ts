import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SkopeoPushOptions {
  /** Convert while copying, as a Docker client would push. @default the format of the layout */
  readonly format?: 'oci' | 'v2s2';
  /** Copy every child of an index. @default false */
  readonly all?: boolean;
}

const TIMEOUT_MS = 60_000;

/** Pushes `tag` of an OCI layout to `host:port/repo:tag`; the result is the digest the registry now has. */
export function skopeoPush(
  ociDir: string,
  tag: string,
  ref: string,
  options: SkopeoPushOptions = {},
): Promise<string> {
  return withHome(async (home) => {
    const digestFile = join(home, 'digest');
    await skopeo(home, [
      'copy',
      '--dest-tls-verify=false',
      `--digestfile=${digestFile}`,
      ...(options.all === true ? ['--all'] : []),
      ...(options.format === undefined ? [] : [`--format=${options.format}`]),
      `oci:${ociDir}:${tag}`,
      `docker://${ref}`,
    ]);
    return (await readFile(digestFile, 'utf8')).trim();
  });
}

/** Pulls `host:port/repo:tag` with every child into `dir` (skopeo's `dir:` layout), digests verified by skopeo. */
export function skopeoPull(ref: string, dir: string): Promise<void> {
  return withHome((home) =>
    skopeo(home, ['copy', '--src-tls-verify=false', '--all', `docker://${ref}`, `dir:${dir}`]),
  );
}

async function withHome<T>(use: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'registry-prune-skopeo-'));
  try {
    return await use(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function skopeo(home: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: home, TMPDIR: home };
    execFile(
      'skopeo',
      ['--insecure-policy', ...args],
      { env, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        if (error === null) resolve();
        else if (error.code === 'ENOENT') {
          reject(new Error('skopeo is not installed: it comes with the Debian package skopeo'));
        } else reject(new Error(`skopeo ${args.join(' ')}\n${stderr}${stdout}`, { cause: error }));
      },
    );
  });
}
