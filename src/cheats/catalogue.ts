import type { Cheat, Family, Kind, Way } from './cheat.js';
import { DISK_AND_LINKS } from './disk-and-links.js';
import { FORCED_ERRORS } from './forced-errors.js';
import { FORGED_REPORTS } from './forged-reports.js';
import { GIT } from './git.js';
import { LEFT_RUNNING } from './left-running.js';
import { PLANTED_CONFIGURATION } from './planted-configuration.js';
import { READING_THE_ORACLE } from './reading-the-oracle.js';
import { RUNNER_TAMPERING } from './runner-tampering.js';
import { STARTUP_HOOKS } from './startup-hooks.js';
import { SURROUNDINGS } from './surroundings.js';

/** Every cheat that samples are tried on. */
export const FAMILIES: readonly Family[] = [
  STARTUP_HOOKS,
  PLANTED_CONFIGURATION,
  FORGED_REPORTS,
  LEFT_RUNNING,
  DISK_AND_LINKS,
  GIT,
  SURROUNDINGS,
  RUNNER_TAMPERING,
  READING_THE_ORACLE,
  FORCED_ERRORS,
];

export interface Trial {
  readonly cheat: Cheat;
  readonly kind: Kind;
  readonly way: Way;
}

/** Each cheat with each kind of sample that it is made for. */
export function trialsOf(families: readonly Family[]): readonly Trial[] {
  return families.flatMap(({ cheats }) =>
    cheats.flatMap((cheat) =>
      cheat.ways.flatMap((way) => way.kinds.map((kind): Trial => ({ cheat, kind, way }))),
    ),
  );
}
