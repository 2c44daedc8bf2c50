import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { GIT } from '../../src/cheats/git.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(GIT);

describe(`${GIT.name}: cheats`, () => {
  for (const kind of kindsOf(GIT))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, GIT, kind);
    });
});
