import { Controller, Get, Injectable } from '@nestjs/common';
import { metrics, trace, type Span } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  InjectSessions,
  SessionFunctions,
  SessionHealth,
  SessionModule,
  VerifySession,
  type SessionService,
} from '../../lib/index.js';
import { SessionMetrics } from '../../lib/opentelemetry/index.js';
import { SESSION_METRICS } from '../../lib/session/session-metric-names.js';
import { bootApp, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { BoundScene } from '../support/bound-scene.js';
import { loginAs } from '../support/login.controller.js';

@Controller()
class MeController extends loginAs('u1') {
  @Get('me')
  @VerifySession()
  me(): string {
    return 'me';
  }
}

let exporter: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;
let provider: MeterProvider;
let booted: BootedApp;

beforeEach(() => {
  exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
});
afterEach(async () => {
  await booted.close();
  await provider.shutdown();
  metrics.disable();
  trace.disable();
});

async function boot(options: BootOptions = {}): Promise<void> {
  booted = await bootApp({ controllers: [MeController], providers: [SessionMetrics], ...options });
}

interface Collected {
  name: string;
  unit: string;
  points: { labels: object; value: unknown }[];
}

async function collect(): Promise<Collected[]> {
  exporter.reset();
  await reader.forceFlush();
  const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  return scopes
    .flatMap((scope) => scope.metrics)
    .map(({ descriptor, dataPoints }) => ({
      name: descriptor.name,
      unit: descriptor.unit,
      points: dataPoints.map(({ attributes, value }) => ({ labels: attributes, value })),
    }));
}

async function pointsOf(name: string): Promise<Collected['points']> {
  const found = (await collect()).find((each) => each.name === `nestjs_auth_sessions.${name}`);
  return found?.points ?? [];
}

describe('SessionMetrics', () => {
  it('gives OpenTelemetry every metric of the table, with its unit', async () => {
    await boot();
    const client = booted.client();
    await client.post('/login');
    await client.get('/me');
    await client.post('/auth/session/refresh');
    await client.post('/auth/signout');
    await client.get('/me');
    const collected = await collect();
    const isCounted = ({ metric }: { metric: string }) => metric !== 'nestjs_auth_sessions.thefts';
    const units = new Map(collected.map(({ name, unit }) => [name, unit]));
    for (const { metric, unit } of SESSION_METRICS.filter(isCounted)) {
      expect.soft([metric, units.get(metric)]).toEqual([metric, unit]);
    }
  });

  it('counts logins, requests that are let in, and refusals with their reasons', async () => {
    await boot();
    const client = booted.client();
    await client.post('/login');
    for (let times = 0; times < 3; times += 1) await client.get('/me');
    await booted.client().get('/me');
    expect(await pointsOf('logins')).toEqual([{ labels: {}, value: 1 }]);
    expect(await pointsOf('verifications')).toEqual([
      { labels: { cached: 'true' }, value: 2 },
      { labels: { cached: 'false' }, value: 1 },
    ]);
    expect(await pointsOf('refusals')).toEqual([
      { labels: { at: 'verify', code: 'UNAUTHORISED', reason: 'no-access-token' }, value: 1 },
    ]);
  });

  it('counts every one of many refusals, however fast they come', async () => {
    await boot();
    const ask = async (): Promise<void> => {
      const requests = Array.from({ length: 50 }, () => booted.client().get('/me'));
      await Promise.all(requests);
    };
    for (let times = 0; times < 30; times += 1) await ask();
    expect(await pointsOf('refusals')).toMatchObject([{ value: 1_500 }]);
  });

  it('counts sessions that are bound to their device, and proofs that are refused', async () => {
    const scene = await BoundScene.open('express', 'sqlite', {}, { providers: [SessionMetrics] });
    booted = scene.booted;
    await scene.loggedIn();
    expect(await pointsOf('bindings')).toEqual([{ labels: {}, value: 1 }]);
    const { client } = booted;
    await client().post('/auth/session/bind', undefined, {
      headers: { 'secure-session-response': 'a.b.c' },
    });
    expect(await pointsOf('refusals')).toMatchObject([{ labels: { at: 'bind' }, value: 1 }]);
  });

  it('counts refreshes, thefts and ends', async () => {
    await boot();
    const client = booted.client();
    await client.post('/login');
    const spent = await client.cookie('sRefreshToken');
    await client.post('/auth/session/refresh');
    await client.post('/auth/session/refresh');
    booted.clock.advanceMs(60_000);
    await booted
      .client()
      .post('/auth/session/refresh', undefined, { headers: { authorization: `Bearer ${spent}` } });
    expect(await pointsOf('thefts')).toEqual([{ labels: {}, value: 1 }]);
    expect(await pointsOf('revocations')).toEqual([
      { labels: { reason: 'token-theft' }, value: 1 },
    ]);
    expect(await pointsOf('refreshes')).toContainEqual({ labels: { as: 'rotation' }, value: 1 });
  });

  it('times statements by what they do', async () => {
    await boot();
    const client = booted.client();
    await client.post('/login');
    await client.post('/auth/session/refresh');
    const operations = (await pointsOf('store.duration')).map(({ labels }) => labels);
    expect(operations).toContainEqual({ operation: 'insert', outcome: 'done' });
    expect(operations).toContainEqual({ operation: 'update', outcome: 'done' });
  });

  it('names nothing of anybody in a label', async () => {
    await boot();
    const client = booted.client();
    await client.post('/login');
    await client.post('/auth/signout');
    await client.get('/me');
    const labels = (await collect()).flatMap(({ points }) => points.map((each) => each.labels));
    const text = JSON.stringify(labels);
    expect(text).not.toMatch(/u1|public|127\.0\.0\.1|[0-9a-f]{8}-[0-9a-f]{4}/);
  });

  it('tells the kinds of an application apart', async () => {
    @Injectable()
    class StaffMetrics extends SessionMetrics {
      constructor(
        @InjectSessions('staff', 'health') health: SessionHealth,
        @InjectSessions('staff') readonly staff: SessionService,
      ) {
        super(health);
      }
    }
    await boot({
      imports: [SessionModule.forRoot({ kind: 'staff' })],
      providers: [SessionMetrics, StaffMetrics],
    });
    await booted.client().post('/login');
    const staff: SessionFunctions = booted.app.get(StaffMetrics).staff;
    await staff.createNewSessionWithoutRequestResponse('public', 's1');
    await staff.createNewSessionWithoutRequestResponse('public', 's2');
    const points = (await collect())
      .filter(({ name }) => name === 'nestjs_auth_sessions.logins')
      .flatMap((each) => each.points);
    expect(points).toContainEqual({ labels: {}, value: 1 });
    expect(points).toContainEqual({ labels: { kind: 'staff' }, value: 2 });
  });

  it('notes a refusal at the span of its request', async () => {
    const spans = new InMemorySpanExporter();
    const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const span: Span = tracing.getTracer('test').startSpan('GET /me');
    vi.spyOn(trace, 'getActiveSpan').mockReturnValue(span);
    await boot();
    await booted.client().get('/me');
    span.end();
    vi.restoreAllMocks();
    expect(spans.getFinishedSpans()[0]?.events).toMatchObject([
      {
        name: 'nestjs_auth_sessions.refused',
        attributes: { at: 'verify', code: 'UNAUTHORISED', reason: 'no-access-token' },
      },
    ]);
    await tracing.shutdown();
  });
});
