import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { STARTUP_HOOKS } from '../../src/cheats/startup-hooks.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(STARTUP_HOOKS);

describe(`${STARTUP_HOOKS.name}: cheats`, () => {
  for (const kind of kindsOf(STARTUP_HOOKS))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, STARTUP_HOOKS, kind);
    });
});
