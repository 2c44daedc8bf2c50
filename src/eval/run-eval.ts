import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodesetClient } from '../client/client.js';
import { CodesetClientError } from '../client/errors.js';
import { pause } from '../client/pause.js';
import { AttemptImpossible, type Agent, type AttemptStage, type Outcome } from './agents/agent.js';
import { attemptKey, isScored, type Attempt, type AttemptResult } from './attempt.js';
import type { RunFolder } from './run-folder.js';

/** Label of a run's sessions: its id. */
export const RUN_LABEL = 'eval-run';
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

export interface EvalOptions {
  readonly client: CodesetClient;
  readonly agent: Agent;
  readonly folder: RunFolder;
  /** Attempts side by side. */
  readonly concurrency: number;
  /** How often an attempt that the service spoilt is made again. */
  readonly retries: number;
  /** Whether attempts that ended unscored are made again. */
  readonly rerunErrors: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: EvalEvent) => void;
}

export type EvalEvent =
  | { readonly type: 'stage'; readonly attempt: Attempt; readonly stage: AttemptStage }
  /** It is made again. */
  | { readonly type: 'retry'; readonly attempt: Attempt; readonly why: string }
  | { readonly type: 'result'; readonly result: AttemptResult };

/** The server is gone, or does not take the key: nothing more can be learnt. */
export class RunStopped extends Error {
  override readonly name = 'RunStopped';
}

/** Every attempt of a run, by number and then by sample: all samples have a first result before any has a second. */
export function attemptsOf({ record }: RunFolder): readonly Attempt[] {
  return Array.from({ length: record.attempts }, (_, i) =>
    record.samples.map((sample) => ({ sample, number: i + 1 })),
  ).flat();
}

/**
 * Makes all attempts of a run that have no result yet. Sessions that a killed start of the run left are closed first.
 * @throws RunStopped; the reason of `signal`. Whatever was in the middle then has no result and is made again.
 */
export async function runEval(options: EvalOptions): Promise<void> {
  const { client, folder, concurrency, rerunErrors, signal } = options;
  const labels = { [RUN_LABEL]: folder.record.runId };
  if (folder.resumed) await client.closeSessions({ labels, signal });
  const left = attemptsOf(folder).filter((attempt) => {
    const result = folder.resultOf(attemptKey(attempt.sample.sampleId, attempt.number));
    return result === undefined || (rerunErrors && !isScored(result));
  });
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      either.throwIfAborted();
      const result = await attempted(next, { ...options, signal: either }, labels);
      await folder.add(result);
      options.onEvent({ type: 'result', result });
    }
  };
  const workers = Array.from({ length: Math.min(concurrency, Math.max(1, left.length)) }, () =>
    worker().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  signal.throwIfAborted();
  // The first that failed stopped the others.
  if (stop.signal.aborted) throw stop.signal.reason;
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function attempted(
  attempt: Attempt,
  options: EvalOptions,
  labels: Readonly<Record<string, string>>,
): Promise<AttemptResult> {
  const { client, agent, folder, retries, signal, onEvent } = options;
  const { sampleId } = attempt.sample;
  const files = join('attempts', sampleId, String(attempt.number));
  const path = join(folder.path, files);
  const began = new Date();
  const onStage = (stage: AttemptStage): void => onEvent({ type: 'stage', attempt, stage });
  for (let tries = 1; ;) {
    // What an earlier try left would pass for this one's.
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    try {
      const outcome = await agent.attempt({ client, attempt, labels, folder: path, signal, onStage });
      return resultOf(attempt, began, tries, files, outcome);
    } catch (error) {
      signal.throwIfAborted();
      stopFor(error);
      if (!isSpoilt(error) || tries > retries) return failure(attempt, began, tries, files, error);
      onEvent({ type: 'retry', attempt, why: messageOf(error) });
      onStage('waiting');
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1)), signal);
      tries++;
    }
  }
}

/** A server that is gone (the client has tried again for its time by then), and what is wrong on this side. */
function stopFor(error: unknown): void {
  if (error instanceof AttemptImpossible) return;
  if (!(error instanceof CodesetClientError)) throw error;
  if (error.unreachable || error.code === 'UNAUTHENTICATED' || error.code === 'PERMISSION_DENIED')
    throw new RunStopped(error.message, { cause: error });
}

/** Whether the same again may end otherwise. What the request or the sample is wrong about is not among it. */
function isSpoilt(error: unknown): boolean {
  if (!(error instanceof CodesetClientError)) return false;
  if (blamesSample(error)) return false;
  return (
    !['INVALID_ARGUMENT', 'NOT_FOUND', 'UNIMPLEMENTED'].includes(error.code) ||
    error.reason.startsWith('SESSION')
  );
}

/** What no other try and no other agent would change. */
function blamesSample({ reason }: CodesetClientError): boolean {
  return /^(SAMPLE_|ENVIRONMENT_)/.test(reason);
}

function resultOf(
  attempt: Attempt,
  began: Date,
  tries: number,
  files: string,
  { verdict, sessionId, end, verifySeconds }: Outcome,
): AttemptResult {
  const { state } = verdict;
  const isFinal =
    state === 'PASSED' ||
    state === 'FAILED' ||
    state === 'TIMED_OUT' ||
    state === 'ERROR' ||
    state === 'CANCELLED';
  const hasCounts = verdict.reason !== undefined;
  return {
    ...common(attempt, began, tries, files),
    state: isFinal ? state : 'ERROR',
    score: verdict.score ?? null,
    scores: verdict.scores,
    fault: verdict.fault,
    reason: verdict.reason ?? null,
    message: verdict.message,
    failToPass: hasCounts ? verdict.failToPass : null,
    passToPass: hasCounts ? verdict.passToPass : null,
    failToFail: hasCounts ? verdict.failToFail : null,
    verificationId: verdict.verificationId,
    subjectDigest: verdict.subjectDigest,
    pressure: verdict.pressure ?? null,
    sessionId,
    agent: end,
    verifySeconds,
  };
}

/** An attempt without a verdict. */
function failure(attempt: Attempt, began: Date, tries: number, files: string, error: unknown): AttemptResult {
  const ofSample =
    error instanceof AttemptImpossible || (error instanceof CodesetClientError && blamesSample(error));
  return {
    ...common(attempt, began, tries, files),
    state: 'ERROR',
    score: null,
    scores: {},
    fault: ofSample ? 'SAMPLE' : 'SERVICE',
    reason: null,
    message: messageOf(error),
    failToPass: null,
    passToPass: null,
    failToFail: null,
    verificationId: null,
    subjectDigest: null,
    pressure: null,
    sessionId: null,
    agent: null,
    verifySeconds: null,
  };
}

function common({ sample, number }: Attempt, began: Date, tries: number, files: string) {
  const { sampleId, version, dataset } = sample;
  const ended = new Date();
  return {
    sampleId,
    version,
    dataset,
    attempt: number,
    tries,
    startTime: began.toISOString(),
    endTime: ended.toISOString(),
    seconds: (ended.getTime() - began.getTime()) / 1000,
    files,
  };
}

function messageOf(error: unknown): string {
  if (error instanceof CodesetClientError && error.reason !== '') return `${error.reason}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
