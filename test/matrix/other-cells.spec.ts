import { otherCells } from './cells.js';
import { describeCells } from './describe-cells.js';

describeCells(otherCells);
