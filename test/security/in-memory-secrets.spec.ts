import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import type { Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  SessionEventBus,
  SessionGuard,
  SessionHealth,
  SessionModule,
  SessionService,
} from '../../lib/index.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { RESOLVED_SESSION_OPTIONS } from '../../lib/options/resolved-options.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';
import { reachableFrom } from '../support/reachable.js';

const provided: Type[] = [
  SessionModule,
  SessionService,
  SessionHealth,
  SessionGuard,
  SessionEventBus,
];

describe('what the module provides, written to a log as it is,', () => {
  const encryptionKey = randomBytes(32);
  let booted: BootedApp;
  let secrets: Buffer[];
  beforeAll(async () => {
    booted = await bootApp({ sessions: { encryptionKey: encryptionKey.toString('base64') } });
    const { macKey, antiCsrfKey, challengeKey } = await booted.app.get(KeyRing).refreshTokenKey();
    secrets = [encryptionKey, ...[macKey, antiCsrfKey, challengeKey].map((key) => key.export())];
  });
  afterAll(() => booted.close());

  function secretBytesIn(value: unknown): unknown[] {
    return [...reachableFrom(value)].filter(
      (each) =>
        each instanceof Uint8Array && secrets.some((secret) => Buffer.from(each).includes(secret)),
    );
  }

  it.each(provided.map((type) => [type.name, type] as const))(
    '%s shows no key of the server, however deep one looks',
    (_, type) => {
      const instance = booted.app.get<unknown>(type);
      expect(secretBytesIn(instance)).toEqual([]);
      const [shown] = inspect(encryptionKey).match(/(?: [0-9a-f]{2}){8}/) ?? [];
      expect(inspect(instance)).not.toContain(shown);
    },
  );

  it('the options show no key either, as text or as JSON', () => {
    const options = booted.app.get<unknown>(RESOLVED_SESSION_OPTIONS);
    const { encryptionKeys } = options as { encryptionKeys: unknown };
    expect(inspect(encryptionKeys)).not.toMatch(/[0-9a-f]{2} [0-9a-f]{2}/);
    expect(JSON.stringify(encryptionKeys)).toBe('[{}]');
  });
});
