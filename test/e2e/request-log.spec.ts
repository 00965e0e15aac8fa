import { Writable } from 'node:stream';
import { LoggerModule } from 'nestjs-pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionLogRedaction } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { newDevicePair, registrationProof } from '../support/device-key.js';
import { bearer, bothCookies, Scene } from '../support/scene.js';

const ANY_TOKEN = /nasr_|eyJ[\w-]{10}/;

// One for all: nestjs-pino keeps the first logger of a process.
const lines: string[] = [];
const stream = new Writable({
  write: (line: Buffer, _, done) => {
    lines.push(line.toString());
    done();
  },
});
const requestLog = LoggerModule.forRoot({
  pinoHttp: [{ redact: [...sessionLogRedaction] }, stream],
  forRoutes: ['*path'],
});

describe.each(platforms)('a log of requests by nestjs-pino on %s', (platform) => {
  let scene: Scene;

  beforeEach(async () => {
    lines.length = 0;
    scene = await Scene.open({
      platform,
      imports: [requestLog],
      sessions: { antiCsrf: 'VIA_TOKEN', exposeAccessTokenToFrontendInCookieBasedAuth: true },
    });
  });
  afterEach(() => scene.close());

  it('holds headers without any token, whichever way tokens come and go', async () => {
    const inCookies = await scene.login('u1');
    const headers = { ...bothCookies(inCookies), 'anti-csrf': inCookies.antiCsrf ?? '' };
    await scene.get('/me', headers);
    await scene.refresh(headers);
    const asHeader = { 'st-auth-mode': 'header' };
    const inHeaders = await scene.login('u2', asHeader);
    await scene.get('/me', bearer(inHeaders.access));
    await scene.refresh({ ...bearer(inHeaders.refresh), ...asHeader });
    await scene.get('/me', { 'sec-websocket-protocol': `chat, ${inHeaders.access}` });
    const proof = registrationProof('a challenge', newDevicePair());
    await scene.get('/me', { 'secure-session-response': proof });
    const log = lines.join('');
    for (const path of sessionLogRedaction) {
      const [, name = ''] = /"(.+)"/.exec(path) ?? [];
      expect(log).toContain(`"${name}":"[Redacted]"`);
    }
    expect(lines.filter((line) => ANY_TOKEN.test(line))).toEqual([]);
    expect(log).not.toContain(inCookies.antiCsrf);
  });
});
