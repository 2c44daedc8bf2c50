import { describe, expect, test } from 'vitest';
import { FAMILIES, trialsOf } from '../../../src/cheats/catalogue.js';
import { KINDS } from '../../../src/cheats/cheat.js';
import { aimed } from '../../../src/cheats/script.js';
import { Aim } from '../../../src/cheats/target.js';
import { targetOf } from '../../adversarial/grounds/ground.js';
import { GROUNDS } from '../../adversarial/grounds/grounds.js';
import { OPEN } from '../../adversarial/open.js';

const cheats = FAMILIES.flatMap((family) => family.cheats);
const trials = trialsOf(FAMILIES);
const known = trials.map(({ cheat, kind }) => `${cheat.id} on ${kind}`);

describe('the catalogue of cheats', () => {
  test('has at least forty, each with an id of its own and where it was seen', () => {
    expect(cheats.length).toBeGreaterThanOrEqual(40);
    expect(new Set(cheats.map(({ id }) => id)).size).toBe(cheats.length);
    for (const { id, title, seen, ways } of cheats) {
      expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(title, id).not.toBe('');
      expect(seen.length, id).toBeGreaterThan(10);
      expect(ways.length, id).toBeGreaterThan(0);
    }
  });

  test('tries each cheat at most once on a kind of sample, and every kind with several', () => {
    expect(new Set(known).size).toBe(known.length);
    for (const kind of KINDS)
      expect(trials.filter((trial) => trial.kind === kind).length, kind).toBeGreaterThanOrEqual(8);
  });

  test('has in its open list what it tries, once, with a reason, and nothing judged from outside', () => {
    const open = OPEN.map(({ cheat, kind }) => `${cheat} on ${kind}`);
    expect(open.filter((one) => !known.includes(one))).toEqual([]);
    expect(new Set(open).size).toBe(open.length);
    for (const { why } of OPEN) expect(why).toMatch(/closed by/);
    expect(OPEN.filter(({ kind }) => kind === 'outside')).toEqual([]);
  });

  test('has no word in a script that would end a file before its end', () => {
    for (const { cheat, kind, way } of trials) {
      const contents = [...Object.values(way.files ?? {}), way.inject ?? '', way.append ?? ''];
      expect(
        contents.filter((content) => /^END_OF_FILE$/m.test(content)),
        cheat.id,
      ).toEqual([]);
      for (const path of Object.keys(way.files ?? {})) expect(path, cheat.id).not.toContain("'");
      const made = aimed(way, new Aim(targetOf(GROUNDS[kind])), 'any');
      expect(made?.script.length, cheat.id).toBeLessThan(128 * 1024);
      // Every word has been filled in, but for the package, which the script does.
      expect(`${made?.script}${made?.rootScript}`.match(/\{\{(?!PACKAGE)[A-Z_]+\}\}/g), cheat.id).toBeNull();
    }
  });
});
