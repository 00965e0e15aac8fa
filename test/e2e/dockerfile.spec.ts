import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSample, startSample, type SampleProcess } from '../support/sample-process.js';

const ROOT = join(import.meta.dirname, '../..');
const DOCKERFILE = readFileSync(join(ROOT, 'sample/Dockerfile'), 'utf8');

/** The instructions of the last stage, and what they are told. */
function instructions(name: string): string[] {
  return [...DOCKERFILE.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, text = '']) => text);
}

let sample: SampleProcess;
beforeAll(async () => {
  await buildSample();
  sample = await startSample({ NODE_ENV: 'production' });
});
afterAll(() => sample.stop());

describe("the sample's Dockerfile", () => {
  it('copies what there is', () => {
    const fromHere = instructions('COPY').filter((each) => !each.startsWith('--from'));
    const sources = fromHere.flatMap((each) => each.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((each) => !existsSync(join(ROOT, each)))).toEqual([]);
    const fromBuild = instructions('COPY --from=build').map((each) => each.split(' ')[0] ?? '');
    const built = fromBuild.map((each) => each.replace(/^\/app/, ROOT));
    expect(built.filter((each) => !existsSync(each))).toEqual([]);
  });

  it('runs scripts that the manifest has, and the program that `npm start` runs', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const run = instructions('RUN').join(' ');
    const named = [...run.matchAll(/npm run (\S+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const [program] = instructions('CMD').map((each) => JSON.parse(each) as string[]);
    expect(scripts['start']).toContain(program?.join(' '));
    expect(scripts['start']).toContain('tsc -p sample/tsconfig.json');
  });

  it('takes root from the program, and starts it without a shell', () => {
    expect(instructions('USER')).toEqual(['node']);
    expect(instructions('CMD')[0]).toMatch(/^\["node", /);
  });

  it('checks health by a command that tells a running sample from none', async () => {
    const [check = ''] = instructions('HEALTHCHECK').map((each) => each.split(' CMD ')[1] ?? '');
    const [program = '', ...rest] = JSON.parse(check) as string[];
    const exitOf = (port: string): Promise<number> =>
      promisify(execFile)(program, rest, { env: { ...process.env, PORT: port } }).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
    expect(await exitOf(new URL(sample.url).port)).toBe(0);
    expect(await exitOf('1')).toBe(1);
  });
});
