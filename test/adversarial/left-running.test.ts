import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { LEFT_RUNNING } from '../../src/cheats/left-running.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(LEFT_RUNNING);

describe(`${LEFT_RUNNING.name}: cheats`, () => {
  for (const kind of kindsOf(LEFT_RUNNING))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, LEFT_RUNNING, kind);
    });
});
