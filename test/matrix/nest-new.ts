import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './commands.js';

const NAME = 'application';
const made = new Map<string, Promise<string>>();

/** Copies what `nest new` of a version of the CLI writes into the folder. The CLI itself runs once per version. */
export async function nestNew(cli: string, workshop: string, folder: string): Promise<void> {
  const original = made.get(cli) ?? generate(cli, workshop);
  made.set(cli, original);
  await cp(await original, folder, { recursive: true });
}

async function generate(cli: string, workshop: string): Promise<string> {
  const options = ['--skip-install', '--skip-git', '--package-manager', 'npm'];
  const directory = `nest-new-${cli}`;
  await run(workshop, 'npx', [
    '--yes',
    `@nestjs/cli@${cli}`,
    'new',
    NAME,
    '--directory',
    directory,
    ...options,
  ]);
  return join(workshop, directory);
}
