import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { CodesetError } from '../../../../src/core/errors.js';
import { KeeperFailure, type Keeper } from '../../../../src/engines/docker/keeper.js';
import { Layers } from '../../../../src/engines/docker/layers.js';

/** A store in memory that answers when a test lets it. */
class Store {
  readonly folders = new Map<string, string>();
  /** Called once a program has done its work, before its answer is told. */
  answering: (words: readonly string[]) => Promise<void> = async () => undefined;

  readonly keeper = {
    init: async (...words: readonly string[]) => {
      const done = this.#do(words);
      await this.answering(words);
      if (done instanceof Error) throw done;
      return Buffer.from(done);
    },
    cat: async (path: string) => [this.folders.get(path.split('/').at(-2) ?? '')],
    put: async () => undefined,
  } as unknown as Keeper;

  #do(words: readonly string[]): string | Error {
    const [program, op] = words;
    const name = (path: string | undefined): string => path?.split('/').at(-1) ?? '';
    if (program === 'store' && op === 'list')
      return [...this.folders].map(([folder, text]) => `${folder} ${text.trim()}\n`).join('');
    if (program === 'store' && op === 'keep') this.folders.set(words[5] ?? '', words[6] ?? '');
    if (program === 'store' && op === 'remove')
      for (const path of words.slice(2)) this.folders.delete(name(path));
    if (program === 'store' && op === 'usage') return '0';
    if (program === 'fs' && op === 'move') {
      const text = this.folders.get(name(words[3]));
      if (text === undefined) return new KeeperFailure(1, 'ENOENT: No such file or directory');
      this.folders.delete(name(words[3]));
      this.folders.set(name(words[4]), text);
    }
    return '';
  }
}

const made = { copied: true, bytes: 1 };

async function withLayer(store: Store): Promise<Layers> {
  const layers = new Layers(store.keeper);
  await layers.make(['a'], true, async () => [made]);
  return layers;
}

/** Holds back the answer of the next program that `matches`, once its work is done, until `go`. */
function held(store: Store, matches: (words: readonly string[]) => boolean) {
  let go = (): void => undefined;
  const going = new Promise<void>((resolve) => (go = resolve));
  const reached = new Promise<void>((resolve) => {
    store.answering = async (words) => {
      if (!matches(words)) return;
      store.answering = async () => undefined;
      resolve();
      await going;
    };
  });
  return { reached, go };
}

const isList = ([, op]: readonly string[]): boolean => op === 'list';
const isMove = ([, op]: readonly string[]): boolean => op === 'move';

/** Begins to read the store, as far as its list. @returns lets the reading go on to its end */
async function listing(store: Store, layers: Layers): Promise<() => Promise<void>> {
  const list = held(store, isList);
  const loading = layers.load();
  await list.reached;
  return async () => {
    list.go();
    await loading;
  };
}

test('a layer that is removed while the store is read is known no more', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  const loaded = await listing(store, layers);
  await layers.delete('a');
  await loaded();
  expect(layers.find('a')).toBeUndefined();
  expect(store.folders.size).toBe(0);
});

test('nor is one whose removal began before', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  const before = new Map(store.folders);
  const move = held(store, isMove);
  const deleting = layers.delete('a');
  await move.reached;
  // As the list may still have it.
  const after = new Map(store.folders);
  for (const [name, text] of before) store.folders.set(name, text);
  const loaded = await listing(store, layers);
  store.folders.clear();
  for (const [name, text] of after) store.folders.set(name, text);
  await loaded();
  move.go();
  await deleting;
  expect(layers.find('a')).toBeUndefined();
  expect(store.folders.size).toBe(0);
});

test('one that is removed and made again meanwhile is known', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  const loaded = await listing(store, layers);
  await layers.delete('a');
  await layers.make(['a'], true, async () => [{ ...made, bytes: 2 }]);
  await loaded();
  expect(layers.find('a')).toMatchObject({ bytes: 2 });
});

test('one whose folder went without a word is removed without an error, and made again', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  store.folders.clear();
  await layers.delete('a');
  expect(layers.find('a')).toBeUndefined();
  await layers.make(['a'], true, async () => [made]);
  expect(layers.find('a')).toBeDefined();
});

test('one that could not be removed stays known', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  const away = new CodesetError('unavailable', 'ENGINE_UNAVAILABLE', 'It went.');
  store.answering = async (words) => {
    if (isMove(words)) throw away;
  };
  await expect(layers.delete('a')).rejects.toBe(away);
  expect(layers.find('a')).toBeDefined();
});

test('and one of which nobody can say whether it is there, too', async () => {
  const store = new Store();
  const layers = await withLayer(store);
  const failed = new KeeperFailure(1, 'EIO: Input/output error');
  store.answering = async (words) => {
    if (isMove(words)) throw failed;
  };
  store.keeper.cat = () => Promise.reject(new Error('The keeper went.'));
  await expect(layers.delete('a')).rejects.toBe(failed);
  expect(layers.find('a')).toBeDefined();
});

test('an archive is read to its end also when the layer is there already', async () => {
  const layers = await withLayer(new Store());
  const tar = Readable.from([Buffer.alloc(10)], { objectMode: false });
  await layers.import('a', tar);
  expect(tar.readableEnded).toBe(true);
});
