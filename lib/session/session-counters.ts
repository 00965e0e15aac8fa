import { Injectable, Inject } from '@nestjs/common';
import { SessionTally, type CountedValue } from '../events/session-tally.js';
import { KeyRing } from '../keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { SessionDatabase } from '../store/session-database.js';
import { prometheusName, SESSION_METRICS, type SessionMetricName } from './session-metric-names.js';
import { VerifiedTokenCache } from './verify/verified-token-cache.js';

/** A count since the instance started, or a current value. @publicApi */
export interface SessionCounter {
  /** The name in OpenTelemetry, such as `nestjs_auth_sessions.logins`. */
  metric: SessionMetricName;
  /** The name in Prometheus, such as `nestjs_auth_sessions_logins_total`. */
  name: string;
  /** A counter only grows. */
  type: 'counter' | 'gauge';
  unit: string;
  help: string;
  labelNames: readonly string[];
  /** One for each set of labels so far. Labels have few values: none names a user, a session or a key. */
  values: readonly { labels: Readonly<Record<string, string>>; value: number }[];
}

/** Reads all counters and gauges. */
@Injectable()
export class SessionCounters {
  constructor(
    private readonly tally: SessionTally,
    private readonly cache: VerifiedTokenCache,
    private readonly feed: RevocationFeed,
    private readonly keys: KeyRing,
    private readonly database: SessionDatabase,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  read(): SessionCounter[] {
    const { kind } = this.options;
    const values = this.values();
    const ofKind = kind === undefined ? {} : { kind };
    return SESSION_METRICS.flatMap((each): SessionCounter[] => {
      const { metric, type, unit, help, labels } = each;
      if (type === 'histogram') return [];
      return [
        {
          metric,
          name: prometheusName(each),
          type,
          unit,
          help,
          labelNames: [...labels, ...Object.keys(ofKind)],
          values: values[metric].map(({ labels: given, value }) => ({
            labels: { ...given, ...ofKind },
            value,
          })),
        },
      ];
    });
  }

  private values(): Record<SessionMetricName, readonly CountedValue[]> {
    const { tally, database, feed, keys, cache } = this;
    return {
      'nestjs_auth_sessions.verifications': [
        { labels: { cached: 'true' }, value: tally.remembered },
        { labels: { cached: 'false' }, value: tally.read },
      ],
      'nestjs_auth_sessions.refusals': tally.of('refused'),
      'nestjs_auth_sessions.logins': summed(tally.of('created')),
      'nestjs_auth_sessions.bindings': summed(tally.of('bound')),
      'nestjs_auth_sessions.refreshes': [...tally.of('refreshed'), ...tally.of('repeated')],
      'nestjs_auth_sessions.revocations': tally.of('revoked'),
      'nestjs_auth_sessions.thefts': summed(tally.of('theftDetected')),
      'nestjs_auth_sessions.keys.made': tally.of('keyMade'),
      'nestjs_auth_sessions.pruned': plain(tally.pruned),
      'nestjs_auth_sessions.store.retries': plain(database.retries),
      'nestjs_auth_sessions.store.duration': [],
      'nestjs_auth_sessions.cache.size': plain(cache.size),
      'nestjs_auth_sessions.feed.age': seconds(feed.reportedAgeMs),
      'nestjs_auth_sessions.keys.age': seconds(keys.ageMs),
      'nestjs_auth_sessions.signing_key.age': seconds(keys.signingKeyAgeMs),
    };
  }
}

function plain(value: number): CountedValue[] {
  return [{ labels: {}, value }];
}

// A counter without a value hides its first event from queries for growth.
function summed(counted: readonly CountedValue[]): CountedValue[] {
  return plain(counted.reduce((sum, { value }) => sum + value, 0));
}

// Before the start, nothing has been read yet.
function seconds(milliseconds: number | undefined): CountedValue[] {
  return milliseconds === undefined || !Number.isFinite(milliseconds)
    ? []
    : plain(milliseconds / 1000);
}
