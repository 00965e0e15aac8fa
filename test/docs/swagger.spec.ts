import type { INestApplication } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';

const files = new DocFiles('swagger.md');
beforeAll(() => files.write());
afterAll(() => files.remove());

it('shows TypeScript that compiles, and serves the document', async () => {
  expect(files.problems()).toBe('');
  const { serveApiDocs } = await files.load<{ serveApiDocs(app: INestApplication): void }>(
    'api-docs.ts',
  );
  const booted = await bootApp({ prepare: serveApiDocs });
  const { json } = await booted.client().get('/docs-json');
  expect(json).toHaveProperty(['paths', '/auth/sessions', 'get', 'security']);
  await booted.close();
});
