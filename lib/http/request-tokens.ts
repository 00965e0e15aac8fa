import { Injectable } from '@nestjs/common';
import type { TokenTransferMethod } from '../options/session-module-options.js';
import { SessionVerifier } from '../session/verify/session-verifier.js';
import type { VerifiedToken } from '../session/verify/verified-token-cache.js';
import type { Reading } from '../tokens/reading.js';
import { headerOf, type HttpRequest } from './context/http-request.js';
import { SetupWarnings } from './setup-warnings.js';
import { UNSEEN_SESSION_HEADER } from './transport/header-names.js';
import {
  judgeValues,
  MAX_JUDGED,
  type JudgedValues,
  type ShownValue,
} from './transport/shown-values.js';
import { TokenReader } from './transport/token-reader.js';

/** Distinguishes tokens of one kind from all other texts. */
export interface Judge<T> {
  read(text: string): Reading<T>;
  reloadKeys(): Promise<void>;
}

/** The texts of a request that were read, and how many of their signatures were checked. */
interface Readings {
  readonly byText: Map<string, Reading<VerifiedToken>>;
  checked: number;
}

/** Finds our tokens in a request, by their signatures alone. */
@Injectable()
export class RequestTokens {
  // A guard, a login and a sign-out may all look at one request. Its signatures are checked once.
  private readonly readings = new WeakMap<object, Readings>();

  constructor(
    private readonly reader: TokenReader,
    private readonly verifier: SessionVerifier,
    private readonly warnings: SetupWarnings,
  ) {}

  /** Access tokens, including expired ones. */
  access(request: HttpRequest, allowed: TokenTransferMethod): Promise<JudgedValues<VerifiedToken>> {
    const shown = this.reader.accessTokens(request, allowed);
    return this.accessAmong(shown, (text) => this.readOnce(request, text));
  }

  /** The same among values that count no more. They use up nothing of what is read for those that count. */
  formerAccess(shown: readonly ShownValue[]): Promise<JudgedValues<VerifiedToken>> {
    return this.accessAmong(shown, (text) => this.verifier.read(text));
  }

  private accessAmong(
    shown: readonly ShownValue[],
    read: (text: string) => Reading<VerifiedToken>,
  ): Promise<JudgedValues<VerifiedToken>> {
    const isGood = (token: VerifiedToken) => this.verifier.isGood(token);
    return this.judge(shown, { read, reloadKeys: () => this.verifier.reloadKeys() }, isGood);
  }

  private readOnce(request: HttpRequest, text: string): Reading<VerifiedToken> {
    const known: Readings = this.readings.get(request) ?? { byText: new Map(), checked: 0 };
    this.readings.set(request, known);
    const before = known.byText.get(text);
    if (before !== undefined) return before;
    // The places that count may differ from one look to the next.
    if (known.checked >= MAX_JUDGED) return 'forged';
    const isUnseen = headerOf(request, UNSEEN_SESSION_HEADER) !== undefined;
    const reading = this.verifier.read(text, isUnseen);
    // An unknown key may be known after the next reload.
    if (reading === 'unknown-key') return reading;
    known.byText.set(text, reading);
    if (reading !== 'foreign') known.checked += 1;
    return reading;
  }

  /**
   * Sorts a request's values by origin, and reads the keys again if one names an unknown key.
   *
   * @param isEnough whether a token makes the others irrelevant
   */
  async judge<T>(
    shown: readonly ShownValue[],
    judge: Judge<T>,
    isEnough: (token: T) => boolean,
  ): Promise<JudgedValues<T>> {
    const judged = judgeValues(shown, (text) => judge.read(text));
    this.warnings.ofStrayCookies(judged);
    const isDone =
      judged.unknown.length === 0 || judged.authentic.some(({ token }) => isEnough(token));
    if (isDone) return judged;
    try {
      await judge.reloadKeys();
    } catch (error) {
      // A value with an unknown key must not make a good token fail.
      if (judged.authentic.length === 0) throw error;
      return judged;
    }
    const again = judgeValues(judged.unknown, (text) => judge.read(text));
    const place = (value: ShownValue) => shown.findIndex(({ text }) => text === value.text);
    const authentic = [...judged.authentic, ...again.authentic];
    return {
      authentic: authentic.toSorted((a, b) => place(a) - place(b)),
      unknown: again.unknown,
      strays: [...judged.strays, ...again.strays],
    };
  }
}
