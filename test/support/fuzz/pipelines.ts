import type { Chance } from './chance.js';
import type { BadRequest, GoodRequest } from './wire-request.js';

// Far below what a server takes of headers: it would close the connection, and leave the rest without an answer.
const MOST_HEADERS = 8_000;
// Node closes the connection for any other byte in a header too.
const PLAIN = /^[\t\u0020-\u007e\u0080-\uffff]*$/;

/** A request that must be refused among some that must be answered, all sent at once over one connection. */
export function pipelined(chance: Chance, makeBad: () => BadRequest): BadRequest {
  const bad = plainOne(makeBad);
  const others = (count: number) =>
    Array.from({ length: count }, () => (chance.below(3) === 0 ? plainOne(makeBad) : good(chance)));
  const company = {
    before: others(chance.below(3)),
    after: [...others(chance.below(2)), good(chance)],
  };
  return { ...bad, kind: `in a pipeline: ${bad.kind}`, company };
}

function good(chance: Chance): GoodRequest {
  const [method, path] = chance.pick([
    ['GET', '/me'],
    ['POST', '/act'],
    ['DELETE', '/act'],
  ] as const);
  return { of: chance.pick(['victim', 'bystander']), method, path };
}

function plainOne(makeBad: () => BadRequest): BadRequest {
  for (;;) {
    const bad = { ...makeBad(), body: undefined };
    const size = bad.lines.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    if (size < MOST_HEADERS && bad.lines.every(([, value]) => PLAIN.test(value))) return bad;
  }
}
