import { Logger } from '@nestjs/common';
import type { JsonObject } from '../input/json-object.js';

// Whole words: `passport_required` tells nothing, `mail` in `mailbox` neither.
const TELLING = new Set(
  'address birthdate birthday card cvv email iban pass passwd password phone pin pwd secret ssn'.split(
    ' ',
  ),
);
const BETWEEN_WORDS = /[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/;
const MAX_NAMES = 100;

/** Warns a developer of claims that look as if not everybody should read them: an access token is public text (ASVS 14.1.1). */
export class SensitiveClaimWarning {
  private readonly logger = new Logger('SessionModule');
  private readonly warned = new Set<string>();

  /** Once for each name; a yes or no is no secret, such as `email_verified`. */
  warnOf(payload: Readonly<JsonObject>): void {
    for (const [name, value] of Object.entries(payload)) {
      const isTold = typeof value === 'boolean' || value === null || this.warned.has(name);
      if (isTold || this.warned.size >= MAX_NAMES || !isTelling(name)) continue;
      this.warned.add(name);
      this.logger.warn(
        `The claim ${JSON.stringify(name.slice(0, 64))} can be read by whoever holds the access token, and by scripts on the page. ` +
          'Keep what only the server needs in sessionDataInDatabase; `frontTokenClaims` says what pages see',
      );
    }
  }
}

function isTelling(name: string): boolean {
  return name.split(BETWEEN_WORDS).some((word) => TELLING.has(word.toLowerCase()));
}
