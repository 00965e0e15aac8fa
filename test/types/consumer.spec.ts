import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The consumer is compiled against the built package, as an application is. */
it('an application is refused what is wrong, and nothing else', async () => {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const project = join(import.meta.dirname, 'consumer');
  const output = await promisify(execFile)(process.execPath, [compiler, '-p', project]).then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
  expect(output).toBe('');
}, 120_000);
