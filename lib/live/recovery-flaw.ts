import type { Type } from '@nestjs/common';
import type { Flaw } from '../errors/flaw.js';

/** The flaw of a gateway whose server gives clients back what they have missed, before their session is known. */
export function recoveryFlaw(gateway: Type): Flaw {
  return {
    code: 'gateways',
    cause:
      `${gateway.name} requires a session, but by \`connectionStateRecovery\` Socket.IO gives a client its rooms and ` +
      'what it has missed before anybody asks for its session.',
    cure: 'Leave the option out, or open the gateway with @PublicAccess().',
  };
}
