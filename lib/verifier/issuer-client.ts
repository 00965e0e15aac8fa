import { Inject, Injectable } from '@nestjs/common';
import {
  RESOLVED_VERIFIER_OPTIONS,
  type ResolvedVerifierOptions,
} from './resolve-verifier-options.js';

/** A fault of the issuer, described without secrets. */
export class IssuerFault extends Error {}

/** An answer of the issuer. */
export interface IssuerAnswer {
  readonly headers: Headers;
  /** `undefined`: nothing has changed (304). */
  readonly json: unknown;
}

/** Asks the issuer over HTTP, within limits of time and size. */
@Injectable()
export class IssuerClient {
  private readonly underWay = new Set<AbortController>();
  private isStopped = false;

  constructor(
    @Inject(RESOLVED_VERIFIER_OPTIONS) private readonly options: ResolvedVerifierOptions,
  ) {}

  /** Aborts requests that are under way, and those to come. */
  stop(): void {
    this.isStopped = true;
    for (const request of this.underWay) request.abort();
  }

  /**
   * @param most the most bytes that an answer may have
   * @throws {IssuerFault}
   */
  async get(url: string, headers: Record<string, string>, most: number): Promise<IssuerAnswer> {
    // One for each request: on Node 20, `AbortSignal.any` leaves a trace of each in a signal that lives on.
    const request = new AbortController();
    this.underWay.add(request);
    if (this.isStopped) request.abort();
    const timer = setTimeout(
      () => request.abort(new DOMException('', 'TimeoutError')),
      this.options.requestTimeoutMs,
    ).unref();
    try {
      // No other host may see the secret.
      const response = await fetch(url, { headers, signal: request.signal, redirect: 'error' });
      if (response.status === 304) return { headers: response.headers, json: undefined };
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new IssuerFault(`${pathOf(url)} answers ${response.status}`);
      }
      const text = await textOf(response, most, pathOf(url));
      return { headers: response.headers, json: parse(text, pathOf(url)) };
    } catch (error) {
      if (error instanceof IssuerFault) throw error;
      throw new IssuerFault(`${pathOf(url)} can’t be read: ${why(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      this.underWay.delete(request);
    }
  }
}

async function textOf(response: Response, most: number, path: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Counted, because the header's length can't be trusted.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > most) throw new IssuerFault(`${path} answers with more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new IssuerFault(`${path} answers with invalid JSON`);
  }
}

function pathOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

// `fetch` puts the real reason into the cause of its error.
function why(error: unknown): string {
  const { name, message = '', cause } = error as Partial<Error>;
  if (name === 'TimeoutError') return 'it takes too long';
  if (name === 'AbortError') return 'this service stops';
  const { code, message: inner } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? inner ?? message;
}
