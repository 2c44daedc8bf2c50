/**
 * A glob as sample.yaml uses it, over relative paths with `/`: `*` and `?` stay within one name, a name that is
 * `**` stands for any number of folders, also none. A leading dot is nothing special, everything else stands
 * for itself. No regular expression: matching takes at most time in glob × path, whoever chose either.
 *
 *     globMatcher('**\/conftest.py')('tests/conftest.py') // true
 */
export function globMatcher(glob: string): (path: string) => boolean {
  const pattern = glob
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map((name) => (name === '**' ? undefined : [...name].map((c) => (c === '*' ? undefined : c))));
  return (path) =>
    matches(pattern, path.split('/'), (parts, name) =>
      matches(parts, [...name], (part, character) => part === '?' || part === character),
    );
}

/** Whether `items` match `pattern` one to one, where undefined in the pattern stands for any run of items. */
function matches<P, T>(
  pattern: readonly (P | undefined)[],
  items: readonly T[],
  fits: (part: P, item: T) => boolean,
): boolean {
  let p = 0;
  let i = 0;
  // Where the last run began; a misfit after it lets the run take one item more.
  let runAt = -1;
  let runEnd = 0;
  while (i < items.length) {
    const part = pattern[p];
    if (p < pattern.length && part === undefined) {
      runAt = p;
      runEnd = i;
      p += 1;
    } else if (part !== undefined && fits(part, items[i] as T)) {
      p += 1;
      i += 1;
    } else if (runAt >= 0) {
      runEnd += 1;
      i = runEnd;
      p = runAt + 1;
    } else {
      return false;
    }
  }
  return pattern.slice(p).every((part) => part === undefined);
}
