import type { AimedCheat, CheatBook, CheatInfo, CheatMeans, CheatTarget } from '../core/ports/cheats.js';
import { FAMILIES } from './catalogue.js';
import { languagesOf, type Cheat, type Family } from './cheat.js';
import { aimed, PROGRAM_MISSING } from './script.js';
import { Aim } from './target.js';

/** The catalogue, without what is for the grounds of this project's own tests alone. */
export class Catalogue implements CheatBook {
  readonly #entries = FAMILIES.flatMap((family) =>
    family.cheats
      .filter(({ ways }) => ways.some(({ on }) => on !== 'none'))
      .map((cheat) => ({ cheat, info: infoOf(family, cheat) })),
  );

  get cheats(): readonly CheatInfo[] {
    return this.#entries.map(({ info }) => info);
  }

  aim(target: CheatTarget): readonly AimedCheat[] {
    const aim = new Aim(target);
    return this.#entries.map(({ cheat, info }) => {
      const ways = meansOf(cheat, aim);
      return { cheat: info, ways, why: ways.length > 0 ? '' : whyNot(cheat, aim) };
    });
  }
}

function infoOf(family: Family, { id, title, closedBy = family.closedBy }: Cheat): CheatInfo {
  return { id, family: family.name, title, closedBy };
}

function meansOf({ ways }: Cheat, aim: Aim): readonly CheatMeans[] {
  return ways.flatMap((way): readonly CheatMeans[] => {
    const made = way.on === 'none' ? undefined : aimed(way, aim);
    if (made === undefined) return [];
    if (made.patch !== undefined) return [{ kind: 'patch', diff: Buffer.from(made.patch) }];
    const lacking = { status: PROGRAM_MISSING, programs: way.programs ?? [] };
    return [{ kind: 'session', script: made.script, rootScript: made.rootScript, lacking }];
  });
}

function whyNot({ ways }: Cheat, aim: Aim): string {
  if (aim.solved.length === 0)
    return 'No reference solution says which files an agent would change, and this cheat changes them.';
  const languages = ways.filter(({ on }) => on !== 'none').flatMap((way) => languagesOf(way));
  return `The reference solution changes no file in a language that it is written for (${[...new Set(languages)].join(', ')}).`;
}
