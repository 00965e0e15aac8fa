import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Cell, titleOf } from './cell.js';
import { expectCellToWork } from './cell-expectation.js';
import { packPackage } from './packed-package.js';

/** One test for each cell, two at a time. */
export function describeCells(cells: readonly Cell[]): void {
  describe('an application that installs the package', () => {
    let workshop: string;
    let tarball: string;

    beforeAll(async () => {
      workshop = await mkdtemp(join(tmpdir(), 'auth-sessions-matrix-'));
      tarball = await packPackage(workshop);
    });
    afterAll(() => rm(workshop, { recursive: true, force: true }));

    for (const cell of cells) {
      it.concurrent(`works on ${titleOf(cell)}`, () => expectCellToWork(cell, workshop, tarball));
    }
  });
}
