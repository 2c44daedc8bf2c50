/** A message that an answer always has. @throws Error for an answer of no server of ours */
export function present<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`The server answered without a ${name}.`);
  return value;
}

/** All items of all pages, one page ahead at most. */
export async function* pages<Item>(
  page: (pageToken: string) => Promise<{ readonly items: readonly Item[]; readonly nextPageToken: string }>,
): AsyncGenerator<Item, void, undefined> {
  let token = '';
  do {
    const { items, nextPageToken } = await page(token);
    yield* items;
    token = nextPageToken;
  } while (token !== '');
}
