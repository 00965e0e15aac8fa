import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');

/** The sample as a program of its own, on a free port and with an empty database. */
export interface SampleProcess {
  url: string;
  stop(): Promise<void>;
}

/** Compiles the sample against the built package, as `npm start` does. */
export async function buildSample(): Promise<void> {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-p', 'sample/tsconfig.json'], {
    cwd: ROOT,
  });
}

/** @param environment variables beside the port and the database */
export async function startSample(environment: NodeJS.ProcessEnv = {}): Promise<SampleProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sample-'));
  const child = spawn(process.execPath, [join(ROOT, 'sample/dist/main.js')], {
    env: {
      ...process.env,
      PORT: '0',
      SAMPLE_DATABASE: join(folder, 'sample.sqlite'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { url: await addressOf(child), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address that the program prints. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
      const address = /http:\/\/[\w.:]+/.exec(output)?.[0];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`the sample ended with ${code} before it listened:\n${output}`)),
    );
  });
}
