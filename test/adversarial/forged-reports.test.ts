import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { FORGED_REPORTS } from '../../src/cheats/forged-reports.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(FORGED_REPORTS);

describe(`${FORGED_REPORTS.name}: cheats`, () => {
  for (const kind of kindsOf(FORGED_REPORTS))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, FORGED_REPORTS, kind);
    });
});
