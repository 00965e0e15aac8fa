import type { ExecutionContext } from '@nestjs/common';
import type { MessageTokens } from '../http/verify/message-tokens.js';
import type { ResolvedVerifierOptions } from './resolve-verifier-options.js';

const SCHEME = /^bearer +/i;

/** Finds the token of a message with the application's own function. */
export class SelectedMessageTokens implements MessageTokens {
  constructor(private readonly select: NonNullable<ResolvedVerifierOptions['messageToken']>) {}

  async tokenIn(context: ExecutionContext): Promise<string> {
    const rpc = context.switchToRpc();
    const found = await this.select(rpc.getData<unknown>(), rpc.getContext<unknown>(), context);
    // Some transports have headers in bytes.
    const text = Buffer.isBuffer(found) ? found.toString('latin1') : found;
    return typeof text === 'string' ? text.replace(SCHEME, '').trim() : '';
  }
}
