/** One metric, in OpenTelemetry's terms. */
interface SessionMetric {
  readonly metric: `nestjs_auth_sessions.${string}`;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** In UCUM. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** All metrics. docs/metrics.md and the dashboard have exactly these names. */
export const SESSION_METRICS = [
  {
    metric: 'nestjs_auth_sessions.verifications',
    type: 'counter',
    unit: '{request}',
    labels: ['cached'],
    help: 'Requests whose session was accepted; cached: their access token was remembered',
  },
  {
    metric: 'nestjs_auth_sessions.refusals',
    type: 'counter',
    unit: '{request}',
    labels: ['at', 'code', 'reason'],
    help: 'Requests that were refused, by where and why',
  },
  {
    metric: 'nestjs_auth_sessions.logins',
    type: 'counter',
    unit: '{session}',
    labels: [],
    help: 'Sessions that were created',
  },
  {
    metric: 'nestjs_auth_sessions.bindings',
    type: 'counter',
    unit: '{session}',
    labels: [],
    help: 'Sessions that were bound to their device',
  },
  {
    metric: 'nestjs_auth_sessions.refreshes',
    type: 'counter',
    unit: '{refresh}',
    labels: ['as'],
    help: 'Refreshes that were answered, by how: rotation, repeat, sibling',
  },
  {
    metric: 'nestjs_auth_sessions.revocations',
    type: 'counter',
    unit: '{session}',
    labels: ['reason'],
    help: 'Sessions that were ended before their time',
  },
  {
    metric: 'nestjs_auth_sessions.thefts',
    type: 'counter',
    unit: '{session}',
    labels: [],
    help: 'Sessions that were ended since a spent refresh token came back',
  },
  {
    metric: 'nestjs_auth_sessions.keys.made',
    type: 'counter',
    unit: '{key}',
    labels: ['purpose'],
    help: 'Keys that this instance has made',
  },
  {
    metric: 'nestjs_auth_sessions.pruned',
    type: 'counter',
    unit: '{session}',
    labels: [],
    help: 'Expired sessions whose rows were deleted',
  },
  {
    metric: 'nestjs_auth_sessions.store.retries',
    type: 'counter',
    unit: '{attempt}',
    labels: [],
    help: 'Statements that were run again since they met another transaction',
  },
  {
    metric: 'nestjs_auth_sessions.store.duration',
    type: 'histogram',
    unit: 's',
    labels: ['operation', 'outcome'],
    help: 'How long the database took',
  },
  {
    metric: 'nestjs_auth_sessions.cache.size',
    type: 'gauge',
    unit: '{token}',
    labels: [],
    help: 'Access tokens that are remembered',
  },
  {
    metric: 'nestjs_auth_sessions.feed.age',
    type: 'gauge',
    unit: 's',
    labels: [],
    help: 'How old the news of revoked sessions are',
  },
  {
    metric: 'nestjs_auth_sessions.keys.age',
    type: 'gauge',
    unit: 's',
    labels: [],
    help: 'How long ago the keys were read',
  },
  {
    metric: 'nestjs_auth_sessions.signing_key.age',
    type: 'gauge',
    unit: 's',
    labels: [],
    help: 'How long the signing key has been in use',
  },
] as const satisfies readonly SessionMetric[];

/** The name of a metric in OpenTelemetry. @publicApi */
export type SessionMetricName = (typeof SESSION_METRICS)[number]['metric'];

/**
 * The name that a Prometheus exporter gives a metric.
 *
 * @see OpenTelemetry, Prometheus and OpenMetrics Compatibility
 */
export function prometheusName({
  metric,
  unit,
  type,
}: Pick<SessionMetric, 'metric' | 'unit' | 'type'>): string {
  const inUnit = unit === 's' ? '_seconds' : '';
  return `${metric.replaceAll('.', '_')}${inUnit}${type === 'counter' ? '_total' : ''}`;
}
