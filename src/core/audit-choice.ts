import type { AuditRequest } from './audit.js';
import { invalidFields } from './errors.js';
import { nearest } from './nearest.js';
import type { CheatInfo } from './ports/cheats.js';

/**
 * The ids of the cheats that an audit was asked to try.
 * @throws INVALID_FIELD for a word that is neither an id nor a family, naming the nearest
 */
export function chosenCheats(
  { cheats, skipCheats }: Pick<AuditRequest, 'cheats' | 'skipCheats'>,
  known: readonly CheatInfo[],
): ReadonlySet<string> {
  const families = new Set(known.map(({ family }) => family));
  const words = [...known.map(({ id }) => id), ...families];
  const wrong = cheats.flatMap((word, at) => {
    if (words.includes(word)) return [];
    const near = nearest(word, words);
    const meant = near === undefined ? `families are ${[...families].join(', ')}` : `did you mean "${near}"?`;
    return [{ field: `cheats[${at}]`, description: `there is no cheat or family "${word}"; ${meant}` }];
  });
  if (skipCheats && cheats.length > 0)
    wrong.push({ field: 'skip_cheats', description: 'must be unset where cheats are named' });
  if (wrong.length > 0) throw invalidFields(wrong);
  if (skipCheats) return new Set();
  const asked = known.filter(
    ({ id, family }) => cheats.length === 0 || cheats.includes(id) || cheats.includes(family),
  );
  return new Set(asked.map(({ id }) => id));
}
