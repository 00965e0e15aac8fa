import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './commands.js';
import { ROOT } from './packed-package.js';

/** Copies what stands in the checkout, committed or not, but for what Git ignores. */
export async function copyCheckout(folder: string): Promise<void> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const paths = (await run(ROOT, 'git', list)).split('\0').filter((path) => path !== '');
  for (const path of paths) await cp(join(ROOT, path), join(folder, path));
}
