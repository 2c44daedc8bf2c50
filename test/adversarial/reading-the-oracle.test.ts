import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { READING_THE_ORACLE } from '../../src/cheats/reading-the-oracle.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(READING_THE_ORACLE);

describe(`${READING_THE_ORACLE.name}: cheats`, () => {
  for (const kind of kindsOf(READING_THE_ORACLE))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, READING_THE_ORACLE, kind);
    });
});
