import type { ExecutionContext } from '@nestjs/common';

/** Finds the access token of a message between services. */
export interface MessageTokens {
  /** The token's text; empty if there is none. */
  tokenIn(context: ExecutionContext): Promise<string>;
}

/** The injection token of the finder. */
export const MESSAGE_TOKENS = Symbol('MESSAGE_TOKENS');
