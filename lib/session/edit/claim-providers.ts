import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SessionClaim } from '../../claims/session-claim.js';
import { isValidator, type SessionClaimValidator } from '../../claims/session-claim-validator.js';
import { errorOfFlaw, type Flaw } from '../../errors/flaw.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { RegisteredClaims } from './registered-claims.js';

interface Claims {
  readonly claims: readonly SessionClaim<unknown>[];
  readonly validators: readonly SessionClaimValidator[];
}

/** Finds the claims and validators that the options name by their providers. */
@Injectable()
export class ClaimProviders {
  constructor(
    private readonly modules: ModuleRef,
    private readonly registry: RegisteredClaims,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** Finds a provider that is missing, or that is something else. */
  flaw(): Flaw | undefined {
    const found = this.find();
    return 'code' in found ? found : undefined;
  }

  /** @throws {SessionConfigurationError} that names the flaw, if there is one */
  register(): void {
    const found = this.find();
    if ('code' in found) throw errorOfFlaw(found);
    this.registry.register(found.claims, found.validators);
  }

  private find(): Claims | Flaw {
    const { options } = this;
    const claims: SessionClaim<unknown>[] = [];
    const validators: SessionClaimValidator[] = [];
    const flaw =
      this.addTo(claims, options.claims, ['claims', isClaim, 'a session claim']) ??
      this.addTo(validators, options.globalClaimValidators, [
        'globalClaimValidators',
        isValidator,
        'a claim validator',
      ]);
    return flaw ?? { claims, validators };
  }

  private addTo<T>(
    found: T[],
    named: readonly (T | InjectionToken)[],
    [option, isOne, what]: [string, (value: unknown) => value is T, string],
  ): Flaw | undefined {
    for (const each of named) {
      const provided = isOne(each) ? { value: each } : this.provided(each);
      if ('origin' in provided) return missing(option, each as InjectionToken, provided.origin);
      if (!isOne(provided.value)) {
        return {
          code: 'claims',
          cause: `\`${option}\` names a provider that is not ${what}.`,
          cure: `Name the provider of ${what}.`,
        };
      }
      found.push(provided.value);
    }
    return undefined;
  }

  private provided(token: InjectionToken): { value: unknown } | { origin: unknown } {
    try {
      return { value: this.modules.get<unknown>(token, { strict: false }) };
    } catch (origin) {
      return { origin };
    }
  }
}

function isClaim(value: unknown): value is SessionClaim<unknown> {
  return value instanceof SessionClaim;
}

function missing(option: string, token: InjectionToken, origin: unknown): Flaw {
  const name = typeof token === 'function' ? token.name : String(token);
  return {
    code: 'claims',
    cause: `\`${option}\` names a provider that is missing or not a singleton: ${name}.`,
    cure: 'Provide it in a module, in the default scope.',
    origin,
  };
}
