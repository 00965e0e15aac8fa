import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { run } from './commands.js';

export const ROOT = join(import.meta.dirname, '../..');

/** Packs the build of this checkout into the folder. @returns the path of the archive */
export async function packPackage(folder: string): Promise<string> {
  await run(ROOT, 'npm', ['pack', '--ignore-scripts', '--pack-destination', folder]);
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}
