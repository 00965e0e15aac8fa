import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type * as OpenTelemetry from '@opentelemetry/api';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { SESSION_METRICS } from '../session/session-metric-names.js';
import { SessionHealth } from '../session/session-health.js';

const SCOPE = 'nestjs-auth-sessions';
const DURATION = SESSION_METRICS.find(({ type }) => type === 'histogram');

/**
 * Exports this instance's session counters to OpenTelemetry, under the names in docs/metrics.md, and records refusals
 * on the span of their request. Add it as a provider of the application; the SDK must be set up before it starts.
 *
 * For another kind of sessions, extend it, with `@InjectSessions('staff', 'health') health: SessionHealth`.
 *
 * @example
 * ```ts
 * @Module({ imports: [SessionModule.forRoot()], providers: [SessionMetrics] })
 * ```
 * @throws {SessionConfigurationError} at start, if `@opentelemetry/api` is not installed
 * @publicApi
 */
@Injectable()
export class SessionMetrics implements OnModuleInit, OnApplicationShutdown {
  private readonly stops: (() => void)[] = [];

  constructor(private readonly health: SessionHealth) {}

  async onModuleInit(): Promise<void> {
    const { metrics, trace } = await loadApi();
    this.observeCounters(metrics.getMeter(SCOPE));
    this.recordStatements(metrics.getMeter(SCOPE));
    this.noteRefusals(trace);
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  // Read when the SDK collects, so that requests cost nothing.
  private observeCounters(meter: OpenTelemetry.Meter): void {
    const instruments = new Map(
      this.health.counters().map(({ metric, type, unit, help: description }) => {
        const how = { unit, description };
        const instrument =
          type === 'counter'
            ? meter.createObservableCounter(metric, how)
            : meter.createObservableGauge(metric, how);
        return [metric, instrument];
      }),
    );
    const observe = (result: OpenTelemetry.BatchObservableResult): void => {
      for (const { metric, values } of this.health.counters()) {
        const instrument = instruments.get(metric);
        if (instrument === undefined) continue;
        for (const { value, labels } of values) result.observe(instrument, value, labels);
      }
    };
    const observed = [...instruments.values()];
    meter.addBatchObservableCallback(observe, observed);
    this.stops.push(() => meter.removeBatchObservableCallback(observe, observed));
  }

  private recordStatements(meter: OpenTelemetry.Meter): void {
    if (DURATION === undefined) return;
    const histogram = meter.createHistogram(DURATION.metric, {
      unit: DURATION.unit,
      description: DURATION.help,
      // For seconds; the SDK's own buckets are for milliseconds.
      advice: {
        explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      },
    });
    const { kindLabels } = this.health;
    const stop = this.health.onStatement(({ operation, outcome, seconds }) => {
      histogram.record(seconds, { operation, outcome, ...kindLabels });
    });
    this.stops.push(stop);
  }

  private noteRefusals(trace: typeof OpenTelemetry.trace): void {
    const stop = this.health.onRefusal(({ at, code, reason }) => {
      trace
        .getActiveSpan()
        ?.addEvent(`${SCOPE.replaceAll('-', '_')}.refused`, { at, code, reason });
    });
    this.stops.push(stop);
  }
}

// Loaded here, because an application may import this file without OpenTelemetry.
async function loadApi(): Promise<typeof OpenTelemetry> {
  try {
    return await import('@opentelemetry/api');
  } catch (cause) {
    throw new SessionConfigurationError('SessionMetrics needs @opentelemetry/api: install it.', {
      cause,
    });
  }
}
