import { dirname } from 'node:path';
import { cleanEnvironment, run } from './commands.js';

const folders = new Map<string, Promise<string>>();

/** The folder of the program `node` in a version: the running one where it fits, else out of the npm package `node`. */
export function folderOfNode(version: string): Promise<string> {
  const known = folders.get(version) ?? find(version);
  folders.set(version, known);
  return known;
}

async function find(version: string): Promise<string> {
  if (isOfVersion(process.versions.node, version)) return dirname(process.execPath);
  const print = 'node -p process.execPath';
  const path = await run('.', 'npx', ['--yes', '--package', `node@${version}`, '--call', print]);
  return dirname(path.trim());
}

/** An environment whose `node` is of this version. */
export async function environmentOfNode(
  version: string,
  more: Readonly<Record<string, string>> = {},
): Promise<NodeJS.ProcessEnv> {
  const env = cleanEnvironment(more);
  return { ...env, PATH: `${await folderOfNode(version)}:${env['PATH']}` };
}

/** Whether '11.2.10' is an '11', an '11.2' or an '11.2.10'. */
export function isOfVersion(actual: string, stated: string): boolean {
  return `${actual}.`.startsWith(`${stated}.`);
}
