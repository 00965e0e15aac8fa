import { Logger } from '@nestjs/common';
import { IssuerFault } from './issuer-client.js';

/** Tells the log why something of the issuer can't be read: each reason once, until it can be read again. */
export class IssuerFailures {
  private readonly logger = new Logger('SessionVerifierModule');
  private readonly told = new Set<string>();

  /** @param subject the thing that is read, for the log */
  constructor(private readonly subject: string) {}

  /** Tells of a failure. Instances behind a balancer may fail for different reasons in turn. */
  tell(error: unknown): void {
    // The service stops, which is no failure of the issuer.
    if (error instanceof IssuerFault && isAbort(error.cause)) return;
    const reason = error instanceof IssuerFault ? error.message : 'an error of our own';
    if (this.told.has(reason)) return;
    this.told.add(reason);
    this.logger.error(`The issuer’s ${this.subject} can’t be read: ${reason}; trying again`);
  }

  /** Tells that the failures are over, if there were any. */
  end(): void {
    if (this.told.size === 0) return;
    this.told.clear();
    this.logger.log(`The issuer’s ${this.subject} can be read again`);
  }
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'AbortError';
}
