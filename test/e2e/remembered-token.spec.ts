import { Controller, Get } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import {
  BooleanClaim,
  ForbidImpersonation,
  RequireFresh,
  SessionService,
  SessionSigningKey,
  UserRoleClaim,
  VerifySession,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { SessionVerifier } from '../../lib/session/verify/session-verifier.js';
import { accessCookie, bearer, bothCookies, Scene, type Holder } from '../support/scene.js';

type Act = (scene: Scene, holder: Holder) => Promise<unknown>;
type Headers = Record<string, string>;

const HOUR_MS = 60 * 60 * 1000;
const CROSS_SITE = { 'sec-fetch-site': 'cross-site' };

const roles = new UserRoleClaim({ fetchValue: () => ['member'] });

@Controller()
class AskingController {
  @Get('member')
  @VerifySession({ roles: ['member'] })
  member(): object {
    return {};
  }

  @Get('owner')
  @VerifySession({ roles: ['owner'] })
  owner(): object {
    return {};
  }

  @Get('fresh')
  @RequireFresh('10m')
  fresh(): object {
    return {};
  }

  @Get('in-person')
  @ForbidImpersonation()
  @VerifySession({ roles: { any: ['owner', 'member'] } })
  inPerson(): object {
    return {};
  }
}

const nothing: Act = () => Promise.resolve();
const sessionsOf = ({ booted }: Scene) => booted.app.get(SessionService);

/** What happens to a session whose token has been used before, and how it is presented then. */
const situations: [string, Act, (holder: Holder) => Headers, method?: string, path?: string][] = [
  ['nothing', nothing, ({ access }) => accessCookie(access)],
  ['nothing, and both cookies come', nothing, bothCookies],
  ['nothing, and it comes in a header', nothing, ({ access }) => bearer(access)],
  [
    'nothing, and it comes with a cookie that is none',
    nothing,
    ({ access }) => ({ ...bearer(access), ...accessCookie('x') }),
  ],
  [
    'nothing, and it comes twice',
    nothing,
    ({ access }) => ({ cookie: [1, 2].map(() => accessCookie(access)['cookie']).join('; ') }),
  ],
  [
    'nothing, and another site sends it',
    nothing,
    ({ access }) => ({ ...accessCookie(access), ...CROSS_SITE }),
    'POST',
    '/act',
  ],
  [
    'nothing, and its last character is another spelling of the same bits',
    nothing,
    ({ access }) => accessCookie(access.slice(0, -1) + respelt(access.at(-1))),
  ],
  ['nothing, and the route asks the database', nothing, bothCookies, 'GET', '/strict'],
  ['nothing, and the route asks for its role', nothing, bothCookies, 'GET', '/member'],
  ['nothing, and the route asks for a role that it lacks', nothing, bothCookies, 'GET', '/owner'],
  [
    'nothing, and the route is closed to others in its name',
    nothing,
    bothCookies,
    'GET',
    '/in-person',
  ],
  ['nothing, and the route asks for a fresh login', nothing, bothCookies, 'GET', '/fresh'],
  [
    'its login is no longer fresh',
    (scene) => scene.advance(HOUR_MS / 2),
    bothCookies,
    'GET',
    '/fresh',
  ],
  [
    'its session is revoked, and the route asks for its role',
    (scene, { handle }) => sessionsOf(scene).revokeSession(handle),
    bothCookies,
    'GET',
    '/member',
  ],
  ['it expires', (scene) => scene.advance(HOUR_MS), bothCookies],
  ['it is one second from expiring', (scene) => scene.advance(HOUR_MS - 1000), bothCookies],
  [
    'its session is revoked',
    (scene, { handle }) => sessionsOf(scene).revokeSession(handle),
    bothCookies,
  ],
  [
    'all sessions of its user are revoked',
    (scene, { userId }) => sessionsOf(scene).revokeAllSessionsForUser(userId),
    bothCookies,
  ],
  [
    "another user's sessions are revoked",
    (scene) => sessionsOf(scene).revokeAllSessionsForUser('somebody else'),
    bothCookies,
  ],
  ['its key is taken out of use', revokeSigningKey, bothCookies],
  [
    'its row is gone, and the feed has not been read for long',
    async ({ booted }, { handle }) => {
      await booted.dataSource.query('DELETE FROM auth_session WHERE handle = ?', [handle]);
      booted.clock.advanceMs(61_000);
    },
    bothCookies,
  ],
];

function respelt(character = ''): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(character) ^ 1] ?? '';
}

async function revokeSigningKey({ booted }: Scene): Promise<void> {
  const keys = await booted.dataSource.getRepository(SessionSigningKey).findBy({ kind: 'dynamic' });
  for (const { kid } of keys) await booted.app.get(KeyRing).revoke(kid);
}

/** What the token comes to where the application has got it by itself. */
async function whatBecomesOf(access: string, scene: Scene): Promise<unknown> {
  return sessionsOf(scene)
    .getSessionWithoutRequestResponse(access)
    .then(
      (session) => session.getUserId(),
      (error: unknown) => String(error),
    );
}

async function answerAfter(
  [, happens, present, method = 'GET', path = '/me']: (typeof situations)[number],
  sessions: SessionModuleOptions,
  way: 'short' | 'long' = 'short',
): Promise<object> {
  const scene = await Scene.open({
    sessions: { ...sessions, claims: [roles] },
    controllers: [AskingController],
  });
  const verifier = scene.booted.app.get(SessionVerifier);
  if (way === 'long') vi.spyOn(verifier, 'admit').mockReturnValue(false);
  try {
    const holder = await scene.login('u1');
    expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(200);
    await happens(scene, holder);
    const { status, json, setCookies, headers } = await scene.send(method, path, present(holder));
    const answer = { status, json, setCookies, caching: headers['cache-control'] };
    return { ...answer, byToken: await whatBecomesOf(holder.access, scene) };
  } finally {
    await scene.close();
  }
}

describe('a token that is remembered is answered as one that is not, where, since its first use,', () => {
  it.each(situations)('%s', async (...situation) => {
    const remembered = await answerAfter(situation, {});
    expect(remembered).toEqual(await answerAfter(situation, { verifiedTokenCache: false }));
    expect(remembered).toEqual(await answerAfter(situation, { verifiedTokenCache: false }, 'long'));
  });
});

describe('a token', () => {
  const isVerified = new BooleanClaim({ key: 'verified', fetchValue: () => true });
  const globalClaimValidators = [isVerified.validators.isTrue()];
  const ownCondition = { id: 'own', validate: () => ({ isValid: true as const }) };

  it.each([
    ['needs nothing that has to be waited for', {}, 0],
    [
      'nor where every session has a claim to check that the token shows',
      { globalClaimValidators, claims: [isVerified] },
      0,
    ],
    [
      'is verified in full where the application has a condition of its own',
      { globalClaimValidators: [ownCondition] },
      3,
    ],
  ])('%s', async (_, sessions, verifications) => {
    const scene = await Scene.open({ sessions });
    const { access } = await scene.login('u1');
    const verify = vi.spyOn(scene.booted.app.get(SessionVerifier), 'verify');
    for (let i = 0; i < 3; i += 1) await scene.get('/me', accessCookie(access));
    expect(verify).toHaveBeenCalledTimes(verifications);
    for (let i = 0; i < 3; i += 1) {
      await sessionsOf(scene).getSessionWithoutRequestResponse(access);
    }
    expect(verify).toHaveBeenCalledTimes(2 * verifications);
    await scene.close();
  });
});
