import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { PLANTED_CONFIGURATION } from '../../src/cheats/planted-configuration.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(PLANTED_CONFIGURATION);

describe(`${PLANTED_CONFIGURATION.name}: cheats`, () => {
  for (const kind of kindsOf(PLANTED_CONFIGURATION))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, PLANTED_CONFIGURATION, kind);
    });
});
