import { mostOfTheFacts } from './cells.js';
import { describeCells } from './describe-cells.js';

describeCells(mostOfTheFacts);
