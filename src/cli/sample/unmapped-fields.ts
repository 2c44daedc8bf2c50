import type { ImportOutcome } from '../../samples/import/instances.js';

/** Counts in how many entries there was a field of which nothing was made, so that each is told once. */
export class UnmappedFields {
  readonly #counts = new Map<string, number>();

  add(names: readonly string[]): void {
    for (const name of names) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** The same outcomes, while they go by. */
  async *noting(outcomes: AsyncIterable<ImportOutcome>): AsyncGenerator<ImportOutcome> {
    for await (const outcome of outcomes) {
      if (outcome.sample !== undefined) this.add(outcome.unmapped);
      yield outcome;
    }
  }

  /** A line for people, or none. @param where has no place for them */
  lines(where = 'a sample'): readonly string[] {
    if (this.#counts.size === 0) return [];
    const fields = [...this.#counts].map(([name, count]) => `${name} (in ${count})`);
    return [`nothing was made of these fields, for which ${where} has no place: ${fields.join(', ')}`];
  }
}
