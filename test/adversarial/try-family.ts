import { afterAll, beforeAll, expect, test } from 'vitest';
import { DOCKER_START_MS } from '../support/docker.js';
import { engineHere } from '../support/engine-here.js';
import { full } from '../support/extent.js';
import { kindLacks } from '../support/parts-missing.js';
import { Arena, verdictOf } from './arena.js';
import { KINDS, type Family, type Kind, type Way } from '../../src/cheats/cheat.js';
import { OPEN } from './open.js';
import { GROUNDS } from './grounds/grounds.js';

/**
 * The kinds of samples that a way is tried on here: all in a check on the local engine. In `npm test` each way is tried
 * on one of its kinds, the next on another, and Go's, whose standard library is compiled first, is left to the check;
 * on Docker too, whose sandboxes take several times as long to make: the graders are the same on every engine.
 */
function kindsHere({ kinds }: Way, place: number): readonly Kind[] {
  if (full && engineHere() !== 'docker') return kinds;
  const others = kinds.filter((kind) => full || kind !== 'go');
  return others.length === 0 ? [] : [others[place % others.length] as Kind];
}

/** The kinds of samples that a family's cheats are tried on here. */
export function kindsOf({ cheats }: Family): readonly Kind[] {
  const kinds = cheats.flatMap(({ ways }, place) => ways.flatMap((way) => kindsHere(way, place)));
  return KINDS.filter((kind) => kinds.includes(kind));
}

/** Opens one service for a whole file of tests, with a sample of each kind that can be had here. */
export function arenaFor(family: Family): () => Arena {
  let arena: Arena | undefined;
  beforeAll(async () => {
    arena = await Arena.open(kindsOf(family).filter((kind) => kindLacks(kind) === undefined));
  }, DOCKER_START_MS);
  afterAll(async () => {
    await arena?.[Symbol.asyncDispose]();
  });
  return () => {
    if (arena === undefined) throw new Error('The arena is not open.');
    return arena;
  };
}

/**
 * Each cheat of a family that is made for a kind, and an honest agent beside them. As many at once as the
 * configuration's `maxConcurrency`.
 */
export function tryOn(arena: () => Arena, { cheats }: Family, kind: Kind): void {
  test.concurrent('the honest solution PASSED', { timeout: 120_000 }, async () => {
    const ended = await arena().judged(kind, { lines: GROUNDS[kind].honest });
    expect(verdictOf(ended)).toMatch(/^PASSED NONE 1: /);
  });
  for (const [place, { id, title, ways }] of cheats.entries()) {
    for (const way of ways.filter((each) => kindsHere(each, place).includes(kind))) {
      const open = OPEN.find((one) => one.cheat === id && one.kind === kind);
      const ends = open === undefined ? 'is not PASSED' : `is PASSED, as known: ${open.why}`;
      test.concurrent(`an agent that ${title} (${id}) ${ends}`, { timeout: 120_000 }, async () => {
        const ended = await arena().judged(kind, way);
        // Not one that passes, and not one for which the agent is not to blame: neither sample nor service is at fault.
        if (open === undefined) expect(verdictOf(ended)).toMatch(/^(FAILED|TIMED_OUT) SUBJECT 1: /);
        else
          expect(verdictOf(ended), `${id} is closed on ${kind}: take it out of open.ts`).toMatch(/^PASSED /);
      });
    }
  }
}
