import type { DatabasePlace } from '../databases.js';
import { openGroupedRows } from '../limit/grouped-rows.js';
import { openLimitRows, type FoundRow, type LimitRows } from '../limit/limit-rows.js';
import {
  mintTokens,
  newLimitKeys,
  newLimitSession,
  readToken,
  successorOf,
  type LimitKeys,
  type LimitTokens,
} from '../limit/limit-tokens.js';
import { openTypeormRows } from '../limit/typeorm-rows.js';
import { answerRuns, type Operation } from '../operation.js';

/** How the limit program sends its statements. */
export type Sender = 'driver' | 'typeorm' | 'grouped';

type Rows = Omit<LimitRows, 'find'>;

const OPEN: Readonly<Record<Sender, (place: DatabasePlace) => Rows | Promise<Rows>>> = {
  driver: openLimitRows,
  typeorm: openTypeormRows,
  grouped: openGroupedRows,
};

let users = 0;

// The least that could be called correct: no options, no checks of what is given, no events, no claims, no errors that
// tell anything, no second look after a lost race.
answerRuns(
  async (place: DatabasePlace, what: 'create' | 'refresh', lanes: number, sender: Sender) => {
    const rows = await OPEN[sender](place);
    const keys = newLimitKeys('ES256');
    return what === 'create' ? () => create(rows, keys) : prepareRefresh(rows, keys, lanes);
  },
);

function create(rows: Rows, keys: LimitKeys): LimitTokens | Promise<LimitTokens> {
  users += 1;
  const row = newLimitSession(`user-${users % 1000}`);
  const inserted = rows.insert(row);
  // While the database is at work.
  const tokens = mintTokens(row, keys);
  return inserted instanceof Promise ? inserted.then(() => tokens) : tokens;
}

async function prepareRefresh(rows: Rows, keys: LimitKeys, lanes: number): Promise<Operation> {
  const current: string[] = [];
  for (let lane = 0; lane < lanes; lane += 1) {
    current.push((await create(rows, keys)).refreshToken);
  }
  return (lane) => {
    const from = readToken(current[lane] ?? '', keys);
    const next = successorOf(from);
    const rotated = rows.rotate(from, next);
    const answer = ({ userId, accessTokenPayload }: FoundRow) => {
      current[lane] = mintTokens(next, keys, userId, accessTokenPayload).refreshToken;
    };
    return rotated instanceof Promise ? rotated.then(answer) : answer(rotated);
  };
}
