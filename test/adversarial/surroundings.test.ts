import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { SURROUNDINGS } from '../../src/cheats/surroundings.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(SURROUNDINGS);

describe(`${SURROUNDINGS.name}: cheats`, () => {
  for (const kind of kindsOf(SURROUNDINGS))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, SURROUNDINGS, kind);
    });
});
