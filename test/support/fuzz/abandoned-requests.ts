import type { Material } from './bad-tokens.js';
import type { Chance } from './chance.js';
import {
  bytesOf,
  goodLines,
  REFRESH,
  request,
  SIGN_OUT,
  type Abandonment,
  type BadRequest,
  type Target,
} from './wire-request.js';

type Maker = (chance: Chance, material: Material, target: Target) => BadRequest;

const WAYS = ['half-close', 'close', 'reset'] as const;
const BODY = '{"userId":"admin","tenantId":"b"}';

/** A request whose client goes away before its end, or before its answer. */
export function abandonedRequest(
  chance: Chance,
  material: Material,
  target: Target,
  makeBad: Maker,
): BadRequest {
  const bad = chance.pick([makeBad, makeBad, goodInPart, goodAtWork])(chance, material, target);
  return bad.abandoned === undefined ? left(chance, bad, chance.below(2) === 0) : bad;
}

// What has come of its body is not all of it, so that it is no request yet.
function goodInPart(chance: Chance, { holder }: Material, target: Target): BadRequest {
  const path = chance.pick([REFRESH, SIGN_OUT, '/act']);
  const lines = goodLines(target, holder, path === REFRESH);
  const good = request('good', 'POST', path, lines, ['application/json', BODY]);
  return left(chance, good, false);
}

function goodAtWork(chance: Chance, { holder }: Material, target: Target): BadRequest {
  const method = chance.pick(['GET', 'POST', 'DELETE']);
  const good = request('good', method, '/slow', goodLines(target, holder));
  const { abandoned, ...rest } = left(chance, good, true);
  return { ...rest, ...(abandoned && { abandoned: { ...abandoned, waitsForHandler: true } }) };
}

function left(chance: Chance, bad: BadRequest, isWhole: boolean): BadRequest {
  const size = bytesOf(bad).length;
  const inTheBody = size - 1 - chance.below(BODY.length);
  const inPart = chance.below(3) === 0 ? inTheBody : chance.below(size);
  const after = isWhole ? size : inPart;
  const abandoned: Abandonment = {
    by: chance.pick(WAYS),
    turnsOfTheLoop: chance.below(5),
    after,
    waitsForHandler: false,
  };
  return {
    ...bad,
    kind: `left after ${after} of ${size} bytes by ${abandoned.by}: ${bad.kind}`,
    mayBeCut: true,
    abandoned,
  };
}
