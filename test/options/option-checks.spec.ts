import { expect, it } from 'vitest';
import { inheritedNames } from '../../lib/options/option-checks.js';

it('options whose prototypes never end are read in bounded time', () => {
  let looks = 0;
  const endless: object = new Proxy(
    {},
    {
      getPrototypeOf: () => {
        looks += 1;
        if (looks > 1_000) throw new Error('read without end');
        return endless;
      },
      ownKeys: () => [],
    },
  );
  expect(inheritedNames(endless)).toEqual([]);
  expect(looks).toBeLessThan(100);
});
