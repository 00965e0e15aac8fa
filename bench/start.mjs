// Puts what is measured in place and starts it: bench's own packages, our build as an application would have it, and
// the benchmark's code.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = dirname(fileURLToPath(import.meta.url));
const root = dirname(bench);

installWhereMissing();
placeBuild();
run(process.execPath, [join(bench, 'node_modules/typescript/bin/tsc'), '-p', bench]);
run(process.execPath, [join(bench, 'dist/main.js'), ...process.argv.slice(2)]);

function installWhereMissing() {
  const wanted = JSON.parse(readFileSync(join(bench, 'package.json'), 'utf8')).dependencies;
  const isThere = (name) => existsSync(join(bench, 'node_modules', name, 'package.json'));
  if (!Object.keys(wanted).every(isThere)) run('npm', ['ci', '--no-audit', '--no-fund']);
}

// A copy, not a link: a link's imports would be looked up beside its target, and Nest would be there twice.
function placeBuild() {
  const place = join(bench, 'node_modules/nestjs-auth-sessions');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const part of ['dist', 'package.json']) {
    cpSync(join(root, part), join(place, part), { recursive: true });
  }
}

function run(command, parameters) {
  const { status } = spawnSync(command, parameters, { cwd: bench, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
