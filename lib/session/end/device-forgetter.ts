import { Injectable, Inject } from '@nestjs/common';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { DeviceStore } from '../../store/device.store.js';
import { Clock } from '../../time/clock.js';
import { firstSessionHandleOf } from '../../tokens/session-handle.js';
import type { Batch } from './batches.js';
import { devicesKeptSinceMs } from '../device/device-info.js';

/** Takes what is known of clients out of the rows once `device.retention` is over, batch by batch along the primary key. */
@Injectable()
export class DeviceForgetter {
  // Before it nothing is left to forget; after a start all rows are gone over once.
  private forgottenBefore = firstSessionHandleOf(0);

  constructor(
    private readonly devices: DeviceStore,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** @param limit of how many rows it may take something */
  async forgetBatch(limit: number): Promise<Batch> {
    const keptSinceMs = devicesKeptSinceMs(this.options, this.clock.now());
    if (keptSinceMs === undefined) return { rows: 0, isLast: true };
    // Of this very millisecond nothing is kept either.
    const before = firstSessionHandleOf(keptSinceMs + 1);
    const { rows, next } = await this.devices.forget(this.forgottenBefore, before, limit);
    this.forgottenBefore = next ?? before;
    return { rows, isLast: next === undefined };
  }
}
