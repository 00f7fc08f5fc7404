// Runs a command of this project on a machine that has only git, Node >= 18 and npm: installs what is
// missing first, then starts the command with the project's own Node (devDependency `node`) first on PATH.
// Kept to CommonJS and old syntax because the system's Node runs it.
'use strict';
const { spawn, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { constants } = require('node:os');
const { delimiter, join, resolve } = require('node:path');

const root = resolve(__dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.registry-prune-install');
const windows = process.platform === 'win32';

/** What an installation depends on: the lock file and the platform it was made for. */
function wanted() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}

if (Number(process.versions.node.split('.')[0]) < 18) {
  console.error(
    `Node ${process.versions.node} is too old: Node 18 or newer is needed to install the project.`,
  );
  process.exit(1);
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted()) {
  console.error('Installing dependencies (first run only) …');
  // stdout belongs to the command that follows.
  const installed = spawnSync('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: windows,
  });
  if (installed.status !== 0) {
    console.error('npm ci failed; nothing was run.');
    process.exit(installed.status || 1);
  }
  writeFileSync(stamp, wanted());
}

const [command, ...args] = process.argv.slice(2);
if (command) {
  const env = { ...process.env, PATH: bin + delimiter + process.env.PATH };
  const child = spawn(command, args, { stdio: 'inherit', env, shell: windows });
  // A terminal sends Ctrl-C to both: the command ends itself in its own time, and its exit code counts.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(signal ? 128 + (constants.signals[signal] || 0) : code);
  });
}
