import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptKey, type Attempt } from '../attempt.js';
import { AttemptImpossible, type Agent, type AttemptContext, type Outcome } from './agent.js';
import { judged } from './judging.js';

/** Work that is there already: a file of predictions, or what another run left. No session is made. */
export class PatchAgent implements Agent {
  readonly #patchOf: (attempt: Attempt) => Promise<string | Uint8Array | undefined>;

  /** @param patchOf a unified diff with git's headers; undefined: there is none */
  constructor(patchOf: (attempt: Attempt) => Promise<string | Uint8Array | undefined>) {
    this.#patchOf = patchOf;
  }

  async attempt(context: AttemptContext): Promise<Outcome> {
    const { client, attempt, folder } = context;
    const { sampleId, version } = attempt.sample;
    const patch = await this.#patchOf(attempt);
    if (patch === undefined)
      throw new AttemptImpossible(`There is no patch for ${attemptKey(sampleId, attempt.number)}.`);
    await writeFile(join(folder, 'diff.patch'), patch);
    const found = await judged(context, (options) =>
      client.verifyPatch(`${sampleId}@${version}`, patch, options),
    );
    return { ...found, sessionId: null, end: null };
  }
}
