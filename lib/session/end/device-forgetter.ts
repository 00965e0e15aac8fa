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

/** Removes the data of clients from rows once `device.retention` has passed, in batches along the primary key. */
@Injectable()
export class DeviceForgetter {
  // Earlier rows hold nothing to forget. After a start, all rows are processed once.
  private forgottenBefore = firstSessionHandleOf(0);

  constructor(
    private readonly devices: DeviceStore,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** @param limit how many rows it may change */
  async forgetBatch(limit: number): Promise<Batch> {
    const keptSinceMs = devicesKeptSinceMs(this.options, this.clock.now());
    if (keptSinceMs === undefined) return { rows: 0, isLast: true };
    // The data of this very millisecond is removed too.
    const before = firstSessionHandleOf(keptSinceMs + 1);
    const { rows, next } = await this.devices.forget(this.forgottenBefore, before, limit);
    this.forgottenBefore = next ?? before;
    return { rows, isLast: next === undefined };
  }
}
