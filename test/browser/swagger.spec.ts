import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from '@readme/openapi-parser';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInChromium } from '../support/components.js';
import { buildSample, startSample, type SampleProcess } from '../support/sample-process.js';
import { SampleVisitors } from '../support/sample-visitors.js';

const FOLDER = join(import.meta.dirname, '../artifacts/generated-client');

let sample: SampleProcess;
beforeAll(async () => {
  await buildSample();
  sample = await startSample();
});
afterAll(async () => {
  await sample.stop();
  rmSync(FOLDER, { recursive: true, force: true });
});

/** What an application writes on the types that are generated from the sample's document. */
const CLIENT = `
import type { components, paths } from './sample-api.js';

type Answer<Operation, Status extends number> = Operation extends {
  responses: Record<Status, { content: { 'application/json': infer Body } }>;
} ? Body : never;

export type Sessions = Answer<paths['/auth/sessions']['get'], 200>['sessions'];
export const deviceOf = ([first]: Sessions): string | null | undefined => first?.device.ip;
export const currentOf = (sessions: Sessions): string | undefined =>
  sessions.find(({ isCurrent }) => isCurrent)?.sessionHandle;

export const mustRefresh = (refusal: Answer<paths['/profile']['get'], 401>): boolean =>
  refusal.code === 'TRY_REFRESH_TOKEN';
export const missing = (refusal: Answer<paths['/admin/users']['get'], 403>): string[] =>
  (refusal.claimValidationErrors ?? []).map(({ id }) => id);
export const retryAfter: keyof NonNullable<
  components['responses'] | paths['/profile']['get']['responses'][503]['headers']
> = 'Retry-After';
export const login: NonNullable<
  paths['/login']['post']['requestBody']
>['content']['application/json'] = { email: 'ada@example.com', password: 'analytical-engine' };

// @ts-expect-error there is no such code
export const wrong = (refusal: components['schemas']['SessionError']): boolean => refusal.code === 'EXPIRED';
`;

describe("the sample's document", () => {
  it('is valid, and a client that is generated from it compiles', async () => {
    const document = (await (await fetch(`${sample.url}/docs-json`)).json()) as object;
    expect(await validate(structuredClone(document) as never)).toMatchObject({ valid: true });
    mkdirSync(FOLDER, { recursive: true });
    const types = astToString(await openapiTS(JSON.stringify(document)));
    writeFileSync(join(FOLDER, 'sample-api.ts'), types);
    writeFileSync(join(FOLDER, 'client.ts'), CLIENT);
    const program = ts.createProgram([join(FOLDER, 'client.ts')], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    });
    const problems = ts.getPreEmitDiagnostics(program);
    expect(ts.formatDiagnostics(problems, ts.createCompilerHost({}))).toBe('');
  });
});

describeInChromium("the sample's Swagger page", () => {
  const visitors = SampleVisitors.forSuite();

  it('logs in, and asks a guarded route with the session that it got', async () => {
    const page = await visitors.open(`${sample.url}/docs`);
    const statusOf = async (method: string, path: string): Promise<number> => {
      const row = page.locator(`.opblock-${method}`, {
        has: page.locator(`[data-path="${path}"]`),
      });
      await row.locator('.opblock-summary').click();
      await row.getByRole('button', { name: 'Try it out' }).click();
      const answered = page.waitForResponse((response) => response.url().endsWith(path));
      await row.getByRole('button', { name: 'Execute' }).click();
      const { status } = await answered.then((response) => ({ status: response.status() }));
      await row.locator('.live-responses-table').waitFor();
      return status;
    };
    const account = page.locator('.opblock-get', { has: page.locator('[data-path="/profile"]') });
    await account.getByRole('button', { name: 'authorization button unlocked' }).waitFor();

    expect(await statusOf('post', '/login')).toBe(200);
    expect(await statusOf('get', '/profile')).toBe(200);
  });
});
