import { describe } from 'vitest';
import { kindLacks } from '../support/parts-missing.js';
import { DISK_AND_LINKS } from '../../src/cheats/disk-and-links.js';
import { arenaFor, kindsOf, tryOn } from './try-family.js';

const arena = arenaFor(DISK_AND_LINKS);

describe(`${DISK_AND_LINKS.name}: cheats`, () => {
  for (const kind of kindsOf(DISK_AND_LINKS))
    describe.skipIf(kindLacks(kind) !== undefined)(`on ${kind}`, () => {
      tryOn(arena, DISK_AND_LINKS, kind);
    });
});
