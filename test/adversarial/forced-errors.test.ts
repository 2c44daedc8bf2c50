import { describe } from 'vitest';
import { FORCED_ERRORS } from '../../src/cheats/forced-errors.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(FORCED_ERRORS);

describe(`${FORCED_ERRORS.name}: cheats`, () => {
  for (const kind of kindsOf(FORCED_ERRORS))
    describe(`on ${kind}`, () => {
      tryOn(arena, FORCED_ERRORS, kind);
    });
});
