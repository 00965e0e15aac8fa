import { Logger } from '@nestjs/common';
import { IssuerFault } from './issuer-client.js';

/** Tells the log why something of the issuer can't be read: once for as long as the reason is the same. */
export class IssuerFailures {
  private readonly logger = new Logger('SessionVerifierModule');
  private toldReason: string | undefined;

  /** @param subject the thing that is read, for the log */
  constructor(private readonly subject: string) {}

  /** Tells of a failure, unless the one before it had the same reason. */
  tell(error: unknown): void {
    // The service stops, which is no failure of the issuer.
    if (error instanceof IssuerFault && isAbort(error.cause)) return;
    const reason = error instanceof IssuerFault ? error.message : 'an error of our own';
    if (reason === this.toldReason) return;
    this.toldReason = reason;
    this.logger.error(`The issuer’s ${this.subject} can’t be read: ${reason}; trying again`);
  }

  /** Tells that the failures are over, if there were any. */
  end(): void {
    if (this.toldReason === undefined) return;
    this.toldReason = undefined;
    this.logger.log(`The issuer’s ${this.subject} can be read again`);
  }
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'AbortError';
}
