import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Variables of the test run that would change what the commands of an application do. */
const OURS =
  /^(npm_|VITEST|VITE_|NODE_ENV$|NODE_PATH$|NODE_OPTIONS$|TEST$|INIT_CWD$|FORCE_COLOR$)/i;

/** The environment of a shell in which nothing of this test run is set. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return { ...Object.fromEntries(own), NO_COLOR: '1', ...more };
}

/** Runs a command to its end. @throws {Error} with all that it printed, where it fails */
export async function run(
  folder: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = cleanEnvironment(),
): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { cwd: folder, env, maxBuffer: 2 ** 26 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const told = `${stdout}\n${stderr}`.trim().slice(-6_000);
    throw new Error(`${command} ${args.join(' ')} failed:\n${told || String(error)}`, {
      cause: error,
    });
  }
}
