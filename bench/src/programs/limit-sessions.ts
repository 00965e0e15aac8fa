import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { DatabasePlace } from '../databases.js';
import { openGroupedRows } from '../limit/grouped-rows.js';
import { openLimitRows, type LimitRows } from '../limit/limit-rows.js';
import {
  LIFETIME_MS,
  mintTokens,
  newHandle,
  NO_PARENT,
  readToken,
  type LimitKeys,
  type LimitTokens,
} from '../limit/limit-tokens.js';
import { answerRuns, type Operation } from '../operation.js';

// The least that could be called correct: no options, no checks of what is given, no events, no claims, no errors that
// tell anything, no second look after a lost race.
answerRuns(
  async (place: DatabasePlace, what: 'create' | 'refresh', lanes: number, isGrouped: boolean) => {
    const rows = isGrouped ? openGroupedRows(place.at) : openLimitRows(place);
    const keys: LimitKeys = {
      privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      algorithm: 'ES256',
      macKey: randomBytes(32),
    };
    return what === 'create' ? () => create(rows, keys) : prepareRefresh(rows, keys, lanes);
  },
);

function create(rows: LimitRows, keys: LimitKeys): LimitTokens | Promise<LimitTokens> {
  const nowMs = Date.now();
  const row = {
    handle: newHandle(nowMs),
    userId: `user-${nowMs % 1000}`,
    generation: 0,
    parentHash: NO_PARENT,
    nowMs,
    expiresAtMs: nowMs + LIFETIME_MS,
  };
  const tokens = mintTokens(row, keys);
  const inserted = rows.insert(row);
  return inserted instanceof Promise ? inserted.then(() => tokens) : tokens;
}

async function prepareRefresh(rows: LimitRows, keys: LimitKeys, lanes: number): Promise<Operation> {
  const current: string[] = [];
  for (let lane = 0; lane < lanes; lane += 1) {
    current.push((await create(rows, keys)).refreshToken);
  }
  return (lane) => {
    const token = readToken(current[lane] ?? '', keys);
    const found = rows.find(token.handle);
    if (!(found instanceof Promise)) {
      current[lane] = rotateSync(found, token.hash);
      return undefined;
    }
    return found.then(async (row) => {
      const { next, tokens } = successor(row, token.hash);
      if (!(await rows.rotate(row, next))) throw new Error('lost a race');
      current[lane] = tokens.refreshToken;
    });
  };

  function rotateSync(row: Awaited<ReturnType<LimitRows['find']>>, hash: string): string {
    const { next, tokens } = successor(row, hash);
    if (rows.rotate(row, next) !== true) throw new Error('lost a race');
    return tokens.refreshToken;
  }

  function successor(row: Awaited<ReturnType<LimitRows['find']>>, hash: string) {
    const nowMs = Date.now();
    const next = {
      handle: row.handle,
      userId: row.userId,
      generation: row.generation + 1,
      parentHash: hash,
      nowMs,
      expiresAtMs: nowMs + LIFETIME_MS,
    };
    return { next, tokens: mintTokens(next, keys) };
  }
}
