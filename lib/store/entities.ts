import { SessionRevocation } from './session-revocation.entity.js';
import { Session } from './session.entity.js';
import { SessionSigningKey } from './signing-key.entity.js';

/**
 * The module's entities, for data sources without `autoLoadEntities` and for TypeORM's command line.
 *
 * @publicApi
 */
export const sessionEntities = [Session, SessionSigningKey, SessionRevocation] as const;
