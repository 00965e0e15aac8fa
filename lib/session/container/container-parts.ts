import { Inject, Injectable } from '@nestjs/common';
import type { SessionDatabase } from '../../store/session-database.js';
import { Clock } from '../../time/clock.js';
import { SESSION_ENDS, type SessionEnds } from '../../verification/session-ends.js';
import { SessionEditor } from '../edit/session-editor.js';
import { RegisteredClaims } from '../edit/registered-claims.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { SessionLife } from '../verify/session-life.js';
import { TOKEN_CARRIERS, type TokenCarrierFactory } from './token-carrier.js';

/** The services that a container needs. */
@Injectable()
export class ContainerParts {
  constructor(
    @Inject(TOKEN_CARRIERS) readonly carriers: TokenCarrierFactory,
    readonly directory: SessionDirectory,
    readonly life: SessionLife,
    readonly editor: SessionEditor,
    readonly revoker: SessionRevoker,
    readonly minter: AccessTokenMinter,
    readonly registry: RegisteredClaims,
    readonly refusals: SessionRefusals,
    readonly clock: Clock,
    @Inject(SESSION_ENDS) readonly ends: SessionEnds,
  ) {}

  /** Those to use at this moment. */
  get current(): ContainerParts {
    return this;
  }

  /** The same in the caller's transaction, as long as that is open. */
  withDatabase(database: SessionDatabase): ContainerParts {
    return new PartsInTransaction(this, database);
  }
}

/** Only the transaction itself sees a session that it has begun. Its session object outlives it. */
class PartsInTransaction extends ContainerParts {
  constructor(
    private readonly outside: ContainerParts,
    private readonly database: SessionDatabase,
  ) {
    super(
      outside.carriers,
      outside.directory.withDatabase(database),
      outside.life.withDatabase(database),
      outside.editor.withDatabase(database),
      outside.revoker.withDatabase(database),
      outside.minter,
      outside.registry,
      outside.refusals,
      outside.clock,
      outside.ends,
    );
  }

  override get current(): ContainerParts {
    return this.database.callers?.isOpen === true ? this : this.outside;
  }
}
