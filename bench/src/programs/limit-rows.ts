import jsonwebtoken from 'jsonwebtoken';
import type { DatabasePlace } from '../databases.js';
import { openLimitRows } from '../limit/limit-rows.js';
import { LimitStatements } from '../limit/limit-statements.js';
import {
  mintTokens,
  newLimitKeys,
  newLimitSession,
  readToken,
  successorOf,
  type LimitTokens,
} from '../limit/limit-tokens.js';
import { answerRuns, type Operation } from '../operation.js';
import { KNOWN_SESSIONS, pastTimes, someUser, type RowsOperation } from '../rows/many-rows.js';

let statements: LimitStatements;

// The same on many rows by the driver alone.
answerRuns(
  async (place: DatabasePlace, what: RowsOperation, users: number): Promise<Operation> => {
    const rows = openLimitRows(place);
    statements = LimitStatements.open(place);
    const keys = newLimitKeys('ES256');
    const logIn = async (userId: string, createdAtMs?: number): Promise<LimitTokens> => {
      const row = newLimitSession(userId, createdAtMs);
      const tokens = mintTokens(row, keys);
      await rows.insert(row);
      return tokens;
    };
    const known = async () => {
      const found: LimitTokens[] = [];
      for (const [index, atMs] of pastTimes(KNOWN_SESSIONS).entries()) {
        found.push(await logIn(`known-${index}`, atMs));
      }
      return found;
    };
    switch (what) {
      case 'create':
        return () => logIn(someUser(users));
      case 'verify': {
        const tokens = (await known()).map(({ accessToken }) => accessToken);
        // Ours remembers what it has verified; so does this.
        const claims = tokens.map((token) =>
          jsonwebtoken.verify(token, keys.publicKey, { algorithms: ['ES256'] }),
        ) as { sessionHandle: string }[];
        return inTurn(claims.length, async (index) => {
          await rows.find(claims[index]?.sessionHandle ?? '');
        });
      }
      case 'refresh': {
        const tokens = (await known()).map(({ refreshToken }) => refreshToken);
        return inTurn(tokens.length, async (index) => {
          const from = readToken(tokens[index] ?? '', keys);
          const next = successorOf(from);
          const { userId, accessTokenPayload } = await rows.rotate(from, next);
          tokens[index] = mintTokens(next, keys, userId, accessTokenPayload).refreshToken;
        });
      }
      case 'list':
        return async () => statements.ofUser(someUser(users));
      case 'login and revoke-all':
        return async () => {
          const userId = `${someUser(users)}-new`;
          await logIn(userId);
          await statements.deleteOfUser(userId);
        };
    }
  },
  {
    prune: async () => {
      const begunAt = performance.now();
      const pruned = await statements.prune(Date.now());
      return { pruned, batches: 1, wallMs: performance.now() - begunAt, longestMs: 0 };
    },
  },
);

function inTurn(count: number, work: (index: number) => unknown): Operation {
  let turn = 0;
  return () => {
    turn = (turn + 1) % count;
    return work(turn);
  };
}
