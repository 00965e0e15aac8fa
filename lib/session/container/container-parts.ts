import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../time/clock.js';
import { SESSION_ENDS, type SessionEnds } from '../../verification/session-ends.js';
import { SessionEditor } from '../edit/session-editor.js';
import { RegisteredClaims } from '../edit/registered-claims.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { TOKEN_CARRIERS, type TokenCarrierFactory } from './token-carrier.js';

/** The services that a container needs. */
@Injectable()
export class ContainerParts {
  constructor(
    @Inject(TOKEN_CARRIERS) readonly carriers: TokenCarrierFactory,
    readonly directory: SessionDirectory,
    readonly editor: SessionEditor,
    readonly revoker: SessionRevoker,
    readonly minter: AccessTokenMinter,
    readonly registry: RegisteredClaims,
    readonly refusals: SessionRefusals,
    readonly clock: Clock,
    @Inject(SESSION_ENDS) readonly ends: SessionEnds,
  ) {}
}
