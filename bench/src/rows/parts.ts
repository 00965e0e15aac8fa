import { measureCapacity } from './capacity.js';
import { measureProcesses } from './processes.js';
import type { Settings } from '../settings.js';
import type { Line } from '../table.js';
import { measureFeed } from './feed.js';
import { measureGuardedRoutes } from './guarded-routes.js';
import { measureLeaks } from './leaks.js';
import { measureScale } from './scale.js';
import { measureBinding } from './binding.js';
import { measureSessions } from './sessions.js';
import { measureState } from './state.js';
import { measureStorage } from './storage.js';
import { measureVerification } from './verification.js';

export interface Part {
  readonly name: string;
  readonly measure: (settings: Settings) => Promise<Line[]>;
}

/** What is measured, in this order. */
export const parts: readonly Part[] = [
  { name: 'verify', measure: measureVerification },
  { name: 'guarded routes', measure: measureGuardedRoutes },
  { name: 'sessions', measure: measureSessions },
  { name: 'binding', measure: measureBinding },
  { name: 'feed', measure: measureFeed },
  { name: 'memory and time', measure: measureState },
  { name: 'many rows', measure: measureScale },
  { name: 'storage', measure: measureStorage },
  { name: 'processes', measure: measureProcesses },
  { name: 'capacity', measure: measureCapacity },
  { name: 'leaks', measure: measureLeaks },
];
