import { expect, test } from 'vitest';
import { FairSlots, type Turn } from '../../../src/core/fair-slots.js';

/** Pieces of work that end when they are told to, and the order in which they began. */
class Pieces {
  readonly begun: string[] = [];
  readonly #slots: FairSlots;
  readonly #ends = new Map<string, () => void>();

  constructor(limit: number) {
    this.#slots = new FairSlots(limit);
  }

  ask(owner: string, name: string, turn: Turn = {}): Promise<void> {
    const work = (): Promise<void> =>
      new Promise((resolve) => {
        this.begun.push(name);
        this.#ends.set(name, resolve);
      });
    return this.#slots.run(owner, work, turn);
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    this.#ends.delete(name);
    await settle();
  }

  get atWork(): string[] {
    return [...this.#ends.keys()];
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test('one with many waiting keeps nobody waiting who has one', async () => {
  const pieces = new Pieces(2);
  for (let i = 0; i < 6; i++) void pieces.ask('greedy', `g${i}`);
  void pieces.ask('b', 'b0');
  void pieces.ask('c', 'c0');
  await settle();
  expect(pieces.begun).toEqual(['g0', 'g1']);
  await pieces.end('g0');
  await pieces.end('g1');
  expect(pieces.begun).toEqual(['g0', 'g1', 'b0', 'c0']);
  await pieces.end('b0');
  expect(pieces.begun.at(-1)).toBe('g2');
});

test('owners take turns, and each one’s work keeps its order', async () => {
  const pieces = new Pieces(1);
  for (const name of ['a0', 'a1', 'a2', 'b0', 'b1', 'c0']) void pieces.ask(name.slice(0, 1), name);
  await settle();
  for (let i = 0; i < 6; i++) await pieces.end(pieces.atWork[0] ?? '');
  expect(pieces.begun).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'a2']);
});

test('who wants to be alone goes last, and keeps all places', async () => {
  const pieces = new Pieces(3);
  void pieces.ask('a', 'a0');
  void pieces.ask('a', 'alone', { alone: true });
  void pieces.ask('b', 'b0');
  await settle();
  expect(pieces.atWork).toEqual(['a0', 'b0']);
  await pieces.end('a0');
  expect(pieces.atWork).toEqual(['b0']);
  await pieces.end('b0');
  expect(pieces.atWork).toEqual(['alone']);
  void pieces.ask('c', 'c0');
  void pieces.ask('d', 'd0');
  await settle();
  expect(pieces.atWork).toEqual(['alone']);
  await pieces.end('alone');
  expect(pieces.atWork).toEqual(['c0', 'd0']);
});

test('who wants to be alone does not wait for ever while others come', async () => {
  const pieces = new Pieces(1);
  void pieces.ask('a', 'a0');
  void pieces.ask('lonely', 'alone', { alone: true });
  for (let i = 0; i < 100; i++) void pieces.ask('many', `m${i}`);
  await settle();
  while (!pieces.begun.includes('alone')) await pieces.end(pieces.atWork[0] ?? '');
  // After a0, eight others went before it.
  expect(pieces.begun.length).toBe(1 + 8 + 1);
});

test('who leaves the line gets no place, and lets in whom it kept out', async () => {
  const pieces = new Pieces(2);
  void pieces.ask('a', 'a0');
  const leaving = new AbortController();
  const gone = pieces.ask('b', 'alone', { alone: true, signal: leaving.signal });
  for (let i = 0; i < 20; i++) void pieces.ask('a', `a${i + 1}`);
  await settle();
  // Sixteen have passed it by then: nobody comes in any more.
  for (let i = 1; i <= 16; i++) await pieces.end(`a${i}`);
  expect(pieces.atWork).toEqual(['a0']);
  leaving.abort(new Error('left'));
  await expect(gone).rejects.toThrow('left');
  expect(pieces.atWork).toEqual(['a0', 'a17']);
  await expect(pieces.ask('b', 'never', { signal: leaving.signal })).rejects.toThrow('left');
  expect(pieces.begun).not.toContain('never');
});

test('work that fails gives its place back', async () => {
  const slots = new FairSlots(1);
  await expect(slots.run('a', () => Promise.reject(new Error('broke')))).rejects.toThrow('broke');
  expect(await slots.run('a', () => Promise.resolve('went on'), { alone: true })).toBe('went on');
});
