import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { RUNNER_TAMPERING } from '../../src/cheats/runner-tampering.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(RUNNER_TAMPERING);

describe(`${RUNNER_TAMPERING.name}: cheats`, () => {
  for (const kind of kindsOf(RUNNER_TAMPERING))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, RUNNER_TAMPERING, kind);
    });
});
