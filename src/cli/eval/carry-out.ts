import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CodesetClient } from '../../client/client.js';
import type { Agent } from '../../eval/agents/agent.js';
import type { EvalSample } from '../../eval/attempt.js';
import { attemptsOf, runEval, RunStopped } from '../../eval/run-eval.js';
import { RunFolder, RunFolderError, type RunRecord } from '../../eval/run-folder.js';
import { holdExclusively, LockHeld } from '../../storage/exclusive-lock.js';
import type { CommandContext } from '../context.js';
import { CommandError, DONE, FAILED, NEGATIVE, USAGE } from '../exit-status.js';
import { finishRun, showSummary } from './finish.js';
import { LiveTable } from './live-table.js';
import type { RunOptions } from './run-options.js';

/** For how long the server may be away, in milliseconds: a restart in the night is no reason to stop. */
const RECONNECT_MS = 5 * 60 * 1000;
const INTERRUPTED = 130;

export interface PlannedRun {
  readonly asked: Pick<RunRecord, 'agent' | 'of' | 'attempts'>;
  /** Of a run that begins; not asked where one goes on. */
  readonly samples: (client: CodesetClient) => Promise<readonly EvalSample[]>;
  readonly agent: Agent;
}

/** Connects as this command line does, for a long time. */
export async function connectClient(context: CommandContext): Promise<CodesetClient> {
  const apiKey = await context.apiKey();
  return CodesetClient.connect({ address: context.config.address, apiKey, reconnectTimeoutMs: RECONNECT_MS });
}

/**
 * Makes the attempts of a run, or those that are left, and writes what they came to. @returns the exit status: 0 all
 * were scored, 1 the pass rate is below `failUnder`, 3 some are unscored or missing, 130 somebody stopped it
 */
export async function carryOut(
  context: CommandContext,
  client: CodesetClient,
  { asked, samples, agent }: PlannedRun,
  options: RunOptions,
): Promise<number> {
  const { out, io } = context;
  const path = resolve(options.out);
  await mkdir(path, { recursive: true });
  using _lock = lock(path);
  await using folder = await RunFolder.open(path, asked, async () => {
    const found = await samples(client);
    if (found.length === 0)
      throw new CommandError(
        'There are no such samples; `codeset sample list` shows what there is.',
        NEGATIVE,
      );
    return { ...asked, runId: runId(), samples: found, startTime: new Date().toISOString() };
  }).catch((error: unknown) => {
    throw error instanceof RunFolderError ? new CommandError(error.message, USAGE) : error;
  });
  if (folder.resumed && folder.results.length > 0)
    out.note(`${folder.results.length} of ${attemptsOf(folder).length} attempts have ended before.`);
  const stop = new AbortController();
  const release = io.onSignal((signal) => {
    if (signal === 'SIGCONT') return;
    out.note('Stopping: agents and sessions are ended. The same command again goes on.');
    stop.abort(new Stopped('stopped'));
  });
  let stopped: Error | undefined;
  let told: Promise<void> = Promise.resolve();
  try {
    using table = new LiveTable({
      stderr: io.stderr,
      colour: io.stderr.isTTY === true && !context.config.noColor,
      total: attemptsOf(folder).length,
      before: folder.results,
    });
    await runEval({
      client,
      agent,
      folder,
      concurrency: options.concurrency,
      retries: options.retries,
      rerunErrors: options.rerun === 'errors',
      signal: stop.signal,
      onEvent: (event) => {
        table.show(event);
        if (!out.json || event.type !== 'result') return;
        const { result } = event;
        told = told.then(() => out.document({ result }, false));
        // Nobody reads the results any more.
        told.catch((error: unknown) => stop.abort(error));
      },
    });
  } catch (error) {
    if (!(error instanceof Stopped || error instanceof RunStopped)) throw error;
    stopped = error;
  } finally {
    release();
  }
  await told;
  const summary = await finishRun(folder);
  if (out.json) await out.document({ summary }, false);
  else showSummary(out, summary, path);
  if (stopped instanceof RunStopped)
    throw new CommandError(`${stopped.message} The same command again goes on where this one stopped.`);
  if (stopped !== undefined) return INTERRUPTED;
  if (summary.unscored > 0 || summary.ended < summary.planned) return FAILED;
  return (summary.passRate ?? 0) < (options.failUnder ?? 0) ? NEGATIVE : DONE;
}

class Stopped extends Error {
  override readonly name = 'Stopped';
}

function lock(path: string): Disposable {
  try {
    return holdExclusively(`${path}/run.lock`);
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    throw new CommandError(
      `Another codeset eval is at work in ${path}: wait for it, or name another --out.`,
      USAGE,
      {
        cause: error,
      },
    );
  }
}

/** Also a label's value. */
const runId = (): string =>
  `eval-${new Date()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase()}-${Math.random().toString(36).slice(2, 8)}`;
