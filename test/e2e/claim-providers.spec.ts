import { Injectable, Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  BooleanClaim,
  SessionModule,
  SessionService,
  type SessionClaimValidator,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { bootApp } from '../support/boot-app.js';

const TOKEN = Symbol('something of the application');

@Injectable()
class Verified extends BooleanClaim {
  constructor() {
    super({ key: 'verified', fetchValue: () => true });
  }
}

@Injectable()
class NeverFails implements SessionClaimValidator {
  readonly id = 'never';

  validate() {
    return { isValid: true } as const;
  }
}

@Injectable()
class Users {
  constructor(readonly sessions: SessionService) {}
}

@Injectable()
class OfUsers extends BooleanClaim {
  constructor(users: Users) {
    super({ key: 'of-users', fetchValue: () => users.sessions instanceof SessionService });
  }
}

@Module({ providers: [Users, OfUsers] })
class UsersModule {}

@Module({ providers: [Verified, NeverFails], exports: [Verified] })
class FeatureModule {}

async function start(sessions: SessionModuleOptions): Promise<unknown> {
  const booted = await bootApp({
    sessions,
    providers: [{ provide: TOKEN, useValue: { id: 1 } }],
    imports: [FeatureModule],
  });
  const service = booted.app.get(SessionService);
  const session = await service.createNewSessionWithoutRequestResponse('public', 'u1');
  const value = session.getClaimValue(booted.app.get(Verified));
  await booted.close();
  return value;
}

describe('a provider of a claim or a validator', () => {
  it('is found in whichever module has it', async () => {
    expect(await start({ claims: [Verified], globalClaimValidators: [NeverFails] })).toBe(true);
  });

  it('may inject what injects the sessions', async () => {
    const booted = await bootApp({ sessions: { claims: [OfUsers] }, imports: [UsersModule] });
    const sessions = booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    expect(session.getClaimValue(booted.app.get(OfUsers))).toBe(true);
    await booted.close();
  });

  it('is found where a factory makes the options', async () => {
    const booted = await bootApp({
      sessionModule: SessionModule.forRootAsync({ useFactory: () => ({ claims: [Verified] }) }),
      imports: [FeatureModule],
    });
    const sessions = booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    expect(session.getClaimValue(booted.app.get(Verified))).toBe(true);
    await booted.close();
  });

  it.each([
    ['`claims` names a provider that is not a session claim', { claims: [TOKEN] }],
    [
      '`globalClaimValidators` names a provider that is not a claim validator',
      { globalClaimValidators: [TOKEN] },
    ],
    [
      '`claims` names a provider that is missing or not a singleton: Missing',
      { claims: [class Missing extends Verified {}] },
    ],
    [
      '`claims` names a provider that is missing or not a singleton: missing',
      { claims: ['missing'] },
    ],
    [
      '`globalClaimValidators` names a provider that is missing or not a singleton: Symbol(none)',
      { globalClaimValidators: [Symbol('none')] },
    ],
  ] satisfies [string, SessionModuleOptions][])('stops the start: %s', async (message, options) => {
    await expect(start(options)).rejects.toThrow(message);
  });
});
