import { Inject, Injectable } from '@nestjs/common';
import { SessionEventBus } from '../../events/session-event-bus.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { changedParts } from '../device/changed-client.js';
import { NO_DEVICE, type DeviceInfo } from '../device/device-info.js';
import type { IssuedSession } from '../issue/session-issuer.js';

interface Asker {
  readonly device?: DeviceInfo;
}

/** Reports the results of refreshes to the application. */
@Injectable()
export class RefreshNews {
  constructor(
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** @returns its argument */
  ofRotation(rotated: IssuedSession, by: Asker): IssuedSession {
    const { record } = rotated;
    const { handle: sessionHandle, userId, tenantId, generation } = record;
    const atMs = this.clock.now();
    this.events.emit('refreshed', { sessionHandle, userId, tenantId, atMs, generation });
    this.ofClient(record, by);
    return rotated;
  }

  ofRepetition(record: SessionRecord, by: Asker, as: 'repeat' | 'sibling'): void {
    const isFromOtherClient = this.ofClient(record, by);
    const rotatedAgoMs = this.clock.now() - record.rotatedAtMs;
    const facts = this.facts(record);
    this.events.emit('repeated', { ...facts, as, rotatedAgoMs, isFromOtherClient });
  }

  /** @returns whether the client differs from that of the login, as far as the options keep it */
  ofClient(record: SessionRecord, { device = NO_DEVICE }: Asker): boolean {
    const changed = changedParts(record, device, this.options, this.clock.now());
    if (changed.length === 0) return false;
    this.events.emit('clientChanged', { ...this.facts(record), changed });
    return true;
  }

  private facts(record: SessionRecord) {
    const { handle, userId, tenantId } = record;
    return { sessionHandle: handle, userId, tenantId, atMs: this.clock.now() };
  }
}
