import { Controller, Get } from '@nestjs/common';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { expectAnswer, TRY_REFRESH } from '../support/refusal.js';
import { accessCookie, bearer, holderOf, refreshCookie, Scene } from '../support/scene.js';

@Controller()
class MutatingController {
  @Get('mutate')
  @VerifySession()
  mutate(@CurrentSession() session: SessionContainer): object {
    const payload = session.getAccessTokenPayload() as unknown as {
      sub: string;
      nested: { role: string };
    };
    const attempt = (act: () => void) => {
      try {
        act();
        return 'changed';
      } catch (error) {
        return (error as Error).name;
      }
    };
    const outcomes = [
      attempt(() => {
        payload.sub = 'admin';
      }),
      attempt(() => {
        payload.nested.role = 'admin';
      }),
      attempt(() => {
        Object.assign(payload, { role: 'admin' });
      }),
    ];
    return { outcomes, payload };
  }
}

describe.each(platforms)('an access token that was verified before, on %s,', (platform) => {
  describe.each([{ max: 1_000 }, false] as const)('with verifiedTokenCache %o', (cache) => {
    let scene: Scene;
    let sessions: SessionService;
    beforeAll(async () => {
      scene = await Scene.open({
        platform,
        sessions: { verifiedTokenCache: cache },
        controllers: [MutatingController],
      });
      sessions = scene.booted.app.get(SessionService);
    });
    afterAll(() => scene.close());

    async function expectServed(access: string): Promise<void> {
      expect((await scene.get('/me', accessCookie(access))).status).toBe(200);
      expect((await scene.get('/me', bearer(access))).status).toBe(200);
    }

    async function expectRefusedNow(access: string): Promise<void> {
      expectAnswer(await scene.get('/me', accessCookie(access)), TRY_REFRESH);
      expectAnswer(await scene.get('/me', bearer(access)), TRY_REFRESH);
    }

    it('is refused in the second in which it expires', async () => {
      const { access } = await scene.login('u1');
      await scene.advance(3_599_999);
      await expectServed(access);
      await scene.advance(1);
      await expectRefusedNow(access);
    });

    it.each([
      ['its session is revoked', (handle: string) => sessions.revokeSession(handle)],
      ['all of its user’s are', () => sessions.revokeAllSessionsForUser('u2')],
    ])('is refused once %s', async (_, revoke) => {
      const { access, handle } = await scene.login('u2');
      await scene.advance(1);
      await expectServed(access);
      await revoke(handle);
      await expectRefusedNow(access);
      const next = await scene.login('u2');
      await expectServed(next.access);
    });

    it('is refused once its key is revoked, and a refresh gives one that serves', async () => {
      const { access, refresh } = await scene.login('u3');
      await expectServed(access);
      await sessions.revokeKey(String(decodeProtectedHeader(access).kid));
      await expectRefusedNow(access);
      await expectServed(holderOf(await scene.refresh(refreshCookie(refresh))).access);
    });

    it('says the same to the next request, whatever a handler tried to change', async () => {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u4', {
        nested: { role: 'guest' },
      });
      for (let request = 1; request <= 2; request += 1) {
        const answer = await scene.get('/mutate', accessCookie(session.getAccessToken()));
        expect(answer.json).toMatchObject({
          outcomes: ['TypeError', 'TypeError', 'TypeError'],
          payload: { sub: 'u4', nested: { role: 'guest' } },
        });
      }
    });

    it('is not remembered for another spelling of it', async () => {
      const { access } = await scene.login('u5');
      await expectServed(access);
      const last = access.at(-1) ?? '';
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
      for (const letter of alphabet.replace(last, '')) {
        expectAnswer(
          await scene.get('/me', accessCookie(access.slice(0, -1) + letter)),
          TRY_REFRESH,
        );
      }
    });
  });
});
