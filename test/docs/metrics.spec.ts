import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { register } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getSessionsToken, SessionModule, SessionService } from '../../lib/index.js';
import { prometheusName, SESSION_METRICS } from '../../lib/session/session-metric-names.js';
import { bootApp } from '../support/boot-app.js';
import { DocFiles } from '../support/doc-files.js';
import { LoginController } from '../support/login.controller.js';

const DOCS = join(import.meta.dirname, '../../docs');
const files = new DocFiles('metrics.md');
beforeAll(() => files.write());
afterAll(() => files.remove());

describe('docs/metrics.md', () => {
  it('lists every metric, with its names, its type and its labels, and no other', () => {
    const text = readFileSync(join(DOCS, 'metrics.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(nestjs_auth_sessions\.\S+)`.*$/gm)].map(([line]) =>
      line
        .split('|')
        .slice(1, 5)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
    expect(rows).toEqual(
      SESSION_METRICS.map((each) => [
        each.metric,
        prometheusName(each),
        each.type,
        each.labels.join(', '),
      ]),
    );
  });

  it('shows TypeScript that compiles, and that gives prom-client these names', async () => {
    expect(files.problems()).toBe('');
    const { Prometheus } = await files.load<{ Prometheus: Type }>('prometheus.ts');
    const booted = await bootApp({
      controllers: [LoginController],
      providers: [Prometheus],
    });
    await booted.client().post('/login', { userId: 'ada' });
    const text = await register.metrics();
    for (const each of SESSION_METRICS)
      expect.soft(text).toContain(`# HELP ${prometheusName(each)} `);
    expect(text).toContain('\nnestjs_auth_sessions_logins_total 1\n');
    expect(text).toMatch(
      /_store_duration_seconds_count\{operation="insert",outcome="done"\} [1-9]/,
    );
    register.clear();
    await booted.close();
  });

  it('shows how two kinds of sessions share these names', async () => {
    const { PrometheusOfKinds } = await files.load<{ PrometheusOfKinds: Type }>(
      'prometheus-of-kinds.ts',
    );
    const booted = await bootApp({
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      controllers: [LoginController],
      providers: [PrometheusOfKinds],
    });
    await booted.client().post('/login', { userId: 'ada' });
    const staff = booted.app.get<SessionService>(getSessionsToken('staff'));
    await staff.createNewSessionWithoutRequestResponse('public', 'boss');
    await staff.createNewSessionWithoutRequestResponse('public', 'clerk');
    const text = await register.metrics();
    expect(text).toContain('\nnestjs_auth_sessions_logins_total 1\n');
    expect(text).toContain('\nnestjs_auth_sessions_logins_total{kind="staff"} 2\n');
    register.clear();
    await booted.close();
  });
});

describe('the dashboard', () => {
  it('asks for every metric of the table, and for no other, with labels that there are', () => {
    const text = readFileSync(join(DOCS, 'grafana-dashboard.json'), 'utf8');
    const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const asked = expressions.flatMap((expr) => expr.match(/nestjs_auth_sessions_\w+/g) ?? []);
    const named = asked.map((name) => name.replace(/_(bucket|count|sum)$/, ''));
    expect([...new Set(named)].toSorted()).toEqual(SESSION_METRICS.map(prometheusName).toSorted());
    const known = new Set<string>(SESSION_METRICS.flatMap(({ labels }) => labels));
    for (const own of ['le', 'job', 'instance']) known.add(own);
    const grouped = expressions.flatMap((expr) =>
      [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(', ')),
    );
    expect(grouped.filter((label) => !known.has(label))).toEqual([]);
  });
});
