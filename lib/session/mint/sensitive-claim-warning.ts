import { Logger } from '@nestjs/common';
import type { JsonObject } from '../input/json-object.js';

// Only whole words: neither `passport_required` nor `mail` in `mailbox` is sensitive.
const TELLING = new Set(
  'address birthdate birthday card cvv email iban pass passwd password phone pin pwd secret ssn'.split(
    ' ',
  ),
);
const BETWEEN_WORDS = /[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/;
const MAX_NAMES = 100;

/** Warns a developer of claims that look sensitive, because an access token is public text (ASVS 14.1.1). */
export class SensitiveClaimWarning {
  private readonly logger = new Logger('SessionModule');
  private readonly warned = new Set<string>();

  /** Warns once for each name. A boolean, such as `email_verified`, is not sensitive. */
  warnOf(payload: Readonly<JsonObject>): void {
    for (const [name, value] of Object.entries(payload)) {
      const isTold = typeof value === 'boolean' || value === null || this.warned.has(name);
      if (isTold || this.warned.size >= MAX_NAMES || !isTelling(name)) continue;
      this.warned.add(name);
      this.logger.warn(
        `The claim ${JSON.stringify(name.slice(0, 64))} can be read by anyone who holds the access token, and by scripts on the page. ` +
          'Keep what only the server needs in sessionDataInDatabase; `frontTokenClaims` limits what pages see',
      );
    }
  }
}

function isTelling(name: string): boolean {
  return name.split(BETWEEN_WORDS).some((word) => TELLING.has(word.toLowerCase()));
}
