import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { canaryFile, newNonce } from './canary.js';
import type { Closings } from './closings.js';
import { commandEnv } from './command-env.js';
import { digestOf } from './digest.js';
import { AGENT_USER, INIT, WORKSPACE, workspaceOwner, type Environment } from './environment.js';
import { idAt } from './engine-ids.js';
import type { ExecExit } from './exec.js';
import { globMatcher } from './glob.js';
import { openOverSubject } from './judging-sandbox.js';
import { ownTests, PlantedFiles } from './planted-files.js';
import { pressureBetween, type Pressure } from './pressure.js';
import type { BlobStore } from './ports/blobs.js';
import type { Engine } from './ports/engine.js';
import type { Grader } from './ports/samples.js';
import { environmentOf, REWARD_FILES, type SampleVersion } from './sample.js';
import type { Trees } from './trees.js';
import { TreeUnusable } from './trees.js';
import type { VerificationLog } from './verification-log.js';
import type { Fault, KeptSubject, Verdict, Verification } from './verification.js';
import type { WorkSandbox, WorkSpec, Workshop } from './work-sandbox.js';

const VERIFICATION_DIR = '/run/codeset-verification';
/** A word of the command that names a hidden file; anywhere in it, since an interpreter may come first. */
const HIDDEN_WORD = /^verification\/(?=.)/;
const REPORT_DIR = '/run/codeset-reports';
/** Where `as-subject` is. */
const OWN_PROGRAMS = '/run/codeset/bin';
const MAX_REPORT_BYTES = 16 * 1024 * 1024;
/** How init's `reports` ends then. */
const REPORTS_TOO_LARGE = 3;
/** Longer than init's `end-all` tries. */
const END_TIMEOUT_MS = 60_000;

/** How a verification ended, before it is recorded. */
export interface Judgement {
  readonly state: 'PASSED' | 'FAILED' | 'ERROR' | 'TIMED_OUT';
  readonly fault: Fault;
  readonly retryable: boolean;
  readonly message: string;
  readonly verdict?: Verdict;
  readonly exitCode?: number;
  readonly exitSignal?: string;
  readonly subjectDigest?: string;
  readonly pressure?: Pressure;
}

interface Report {
  readonly path: string;
  readonly bySubject: boolean;
  readonly content: Uint8Array;
}

/**
 * The code under test is never root: also without capabilities it would own every file of root's, and could put
 * its own in the place of the programs and scratch files that the script trusts.
 */
export function judgedEnvironment(sample: SampleVersion): Environment {
  const environment = environmentOf(sample);
  return environment.user === 'root' ? { ...environment, user: AGENT_USER } : environment;
}

interface TreeToJudge {
  readonly workspace: readonly string[];
  /** The subject's own root layers; undefined: the sample's. */
  readonly root: readonly string[] | undefined;
  readonly digest: string;
  /** In words; '' for nothing. */
  readonly putBack: string;
}

/** With its ids: what a name means, the subject's own /etc/passwd would say. Of `agent` the engine knows it. */
function subjectIds({ user, ground }: Environment): string {
  const known = ground?.image?.user;
  return known === undefined ? user : `${user} ${known.uid}:${known.gid}`;
}

/** The tree that is judged. */
export function judgedLayer({ engine, verificationId }: Verification): string {
  return idAt(engine, `judged-${verificationId}`);
}

/** @param codebase the sample's */
function subjectLayers(kept: KeptSubject, codebase: readonly string[]): readonly string[] {
  if (kept.kind === 'layer') return [...(kept.below ?? codebase), kept.layer];
  return kept.kind === 'layers' ? kept.workspace : codebase;
}

/** One run: the judged tree, a fresh sandbox, the hidden script, its reports, the verdict. */
export class VerificationJudge {
  readonly #engine: Engine;
  readonly #blobs: BlobStore;
  readonly #trees: Trees;
  readonly #workshop: Workshop;
  readonly #grader: Grader;

  constructor(parts: { engine: Engine; blobs: BlobStore; trees: Trees; workshop: Workshop; grader: Grader }) {
    this.#engine = parts.engine;
    this.#blobs = parts.blobs;
    this.#trees = parts.trees;
    this.#workshop = parts.workshop;
    this.#grader = parts.grader;
  }

  /**
   * @param closings of the sandboxes that it makes: what they stand on may be deleted when those are through.
   * @throws TreeUnusable when the subject can't be judged by its own doing; anything else is the service's fault.
   */
  async judge(
    verification: Verification,
    sample: SampleVersion,
    log: VerificationLog,
    closings: Closings,
    signal: AbortSignal,
  ): Promise<Judgement> {
    const nonce = sample.manifest.verification.canary === undefined ? undefined : newNonce();
    const tree = await this.#tree(verification, sample, nonce, closings, signal);
    const judgement = await this.#judgeTree(tree, sample, nonce, log, closings, signal);
    if (tree.putBack === '') return judgement;
    return { ...judgement, message: `${judgement.message} ${tree.putBack}` };
  }

  async #judgeTree(
    tree: TreeToJudge,
    sample: SampleVersion,
    nonce: string | undefined,
    log: VerificationLog,
    closings: Closings,
    signal: AbortSignal,
  ): Promise<Judgement> {
    const { verification: spec, resources } = sample.manifest;
    const hidden = sample.layers.hidden;
    if (hidden === undefined) throw new Error('A READY sample has no hidden layer.');
    const work: WorkSpec = {
      purpose: 'verification',
      environment: judgedEnvironment(sample),
      rootLayers: sample.layers.root,
      workspaceLayers: tree.workspace,
      mounts: [{ layer: hidden, path: VERIFICATION_DIR }],
      resources,
      network: spec.network,
    };
    const command = spec.command[0] ?? '';
    const sandbox = closings.take(await this.#sandbox(work, tree.root, signal));
    const unfit = await this.#unfit(sandbox, command, tree.root === undefined, signal);
    if (unfit !== undefined) {
      // Over the sample's own files it tells whose fault it is.
      if (tree.root !== undefined && (await this.#unfitFor(work, command, signal)) === undefined) {
        throw new TreeUnusable(`On what the subject left the verification script can't be run: ${unfit}`);
      }
      const message = `The verification script can't be run: ${unfit}`;
      return { state: 'ERROR', fault: 'SAMPLE', retryable: false, message, subjectDigest: tree.digest };
    }
    const before = await sandbox.usage();
    const began = performance.now();
    const exit = await this.#runScript(sandbox, sample, nonce, log, signal);
    const pressure = pressureBetween(before, await sandbox.usage(), performance.now() - began);
    // What the script left running must not write reports any more.
    const ending = await sandbox.run({
      argv: [INIT, 'end-all'],
      timeoutMs: END_TIMEOUT_MS,
      signal,
    });
    const base = {
      subjectDigest: tree.digest,
      pressure,
      ...(exit.code === undefined ? {} : { exitCode: exit.code }),
      ...(exit.signal === undefined ? {} : { exitSignal: exit.signal }),
    };
    const ended = this.#withoutVerdict(exit, pressure, spec.timeoutMs);
    if (ended !== undefined) return { ...base, ...ended };
    if (ending.exit.code !== 0) {
      const why = ending.stderr.trim() || ending.exit.message;
      const message = `What the subject left running could not be ended: ${why}`;
      return { ...base, state: 'FAILED', fault: 'SUBJECT', retryable: false, message };
    }
    const globs = [...(spec.report?.paths ?? []), ...(spec.grading === 'REWARD_FILE' ? REWARD_FILES : [])];
    const reports = globs.length === 0 ? [] : await this.#reports(sandbox, globs, signal);
    const verdict = this.#grader.grade({ spec, grading: spec.grading, exitCode: exit.code, reports, nonce });
    return {
      ...base,
      state: verdict.passed ? 'PASSED' : 'FAILED',
      fault: verdict.passed ? 'NONE' : 'SUBJECT',
      retryable: false,
      message: verdict.rule,
      verdict,
    };
  }

  /** @param root what the subject left outside the workspace, where that is judged, too */
  #sandbox(work: WorkSpec, root: readonly string[] | undefined, signal: AbortSignal): Promise<WorkSandbox> {
    if (root === undefined) return this.#workshop.open(work, signal);
    return openOverSubject({ engine: this.#engine, workshop: this.#workshop }, work, root, signal);
  }

  /** As `#unfit`, over what the sample has. */
  async #unfitFor(work: WorkSpec, command: string, signal: AbortSignal): Promise<string | undefined> {
    await using control = await this.#workshop.open(work, signal);
    return await this.#unfit(control, command, true, signal);
  }

  async #tree(
    verification: Verification,
    sample: SampleVersion,
    nonce: string | undefined,
    closings: Closings,
    signal: AbortSignal,
  ): Promise<TreeToJudge> {
    const { kept, scope } = verification;
    const { baseline, workspace } = sample.layers;
    if (baseline === undefined || workspace[0] === undefined)
      throw new Error('A READY sample has no baseline.');
    if (kept === undefined) throw new Error('The subject of this verification was not kept.');
    if (kept.kind === 'unusable') throw new TreeUnusable(kept.why);
    const subject = subjectLayers(kept, workspace);
    let patch: Uint8Array | undefined;
    if (kept.kind === 'patch') patch = await buffer(await this.#blobs.get(kept.blob));
    else if (scope === 'PATCH') patch = await this.#trees.patch(baseline, subject, signal);
    const below = patch === undefined ? subject : workspace;
    const spec = sample.manifest.verification;
    const layer = judgedLayer(verification);
    // A run before this one may have left it half-way.
    await this.#engine.deleteLayer(layer);
    const { digest, putBack } = await this.#trees.judged(
      {
        baseline,
        workspace: below,
        codebase: workspace[0],
        patch,
        restore: [
          ...spec.protectedPaths.map((path) => `:(top,literal)${path.replace(/\/+$/, '')}`),
          ...spec.remove.map((glob) => `:(top,glob)${glob}`),
        ],
        planted: new PlantedFiles(spec.keep, ownTests(spec)),
        place: nonce === undefined ? undefined : canaryFile(spec, nonce),
        uid: workspaceOwner(judgedEnvironment(sample)),
      },
      layer,
      closings,
      signal,
    );
    const root = kept.kind === 'layers' ? kept.root : undefined;
    return {
      workspace: [...below, layer],
      root,
      digest: root === undefined ? digest : digestOf({ workspace: digest, root }),
      putBack,
    };
  }

  /**
   * Says why the sample's own script can't be executed; asked before anything of the subject has run.
   * @param ours whether the sandbox's root holds nothing of the subject's: then a look that takes too long is the
   *   machine's doing.
   */
  async #unfit(
    sandbox: WorkSandbox,
    command: string,
    ours: boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    // A program in the workspace is the subject's to keep.
    if (!command.startsWith('verification/')) return undefined;
    const program = command.replace(HIDDEN_WORD, `${VERIFICATION_DIR}/`);
    const looked = await sandbox.run({
      argv: [INIT, 'check-script', program],
      timeoutMs: 10_000,
      maxOutputBytes: 64 * 1024,
      signal,
    });
    if (looked.exit.code === 0) return undefined;
    if (ours && looked.exit.reason === 'TIMEOUT')
      throw new Error('Looking at the verification script took too long.');
    return `${command}: ${looked.stdout.toString().trim() || looked.stderr || looked.exit.message}`;
  }

  async #runScript(
    sandbox: WorkSandbox,
    sample: SampleVersion,
    nonce: string | undefined,
    log: VerificationLog,
    signal: AbortSignal,
  ): Promise<ExecExit> {
    const { verification: spec } = sample.manifest;
    const environment = judgedEnvironment(sample);
    const canary = nonce === undefined ? undefined : canaryFile(spec, nonce);
    const { PATH = '' } = commandEnv(this.#engine, environment, spec.network, 'root');
    const made = await sandbox.run({
      argv: [INIT, 'report-folder', REPORT_DIR],
      timeoutMs: 10_000,
      signal,
    });
    if (made.exit.code !== 0) throw new Error(`No report folder: ${made.stderr}`);
    const command = spec.command.map((word) => word.replace(HIDDEN_WORD, `${VERIFICATION_DIR}/`));
    const result = await sandbox.run({
      // It joins the two outputs and becomes the script, whose exit is told.
      argv: [INIT, 'merged', '--', ...command],
      cwd: environment.workdir,
      env: {
        TZ: 'UTC',
        LC_ALL: 'C.UTF-8',
        PYTHONHASHSEED: environment.env['PYTHONHASHSEED'] ?? '0',
        PYTHONDONTWRITEBYTECODE: '1',
        CODESET_VERIFICATION_DIR: VERIFICATION_DIR,
        CODESET_REPORT_DIR: REPORT_DIR,
        ...(canary === undefined ? {} : { CODESET_CANARY: `${WORKSPACE}/${canary.path}` }),
        CODESET_SUBJECT_USER: subjectIds(environment),
        // Before all that others may have put there, an `as-subject` of their own for instance.
        PATH: `${OWN_PROGRAMS}:${PATH}`,
      },
      timeoutMs: spec.timeoutMs,
      onOutput: (data) => log.add(data),
      signal,
    });
    return result.exit;
  }

  #withoutVerdict(
    exit: ExecExit,
    { outOfMemoryKills = 0 }: Pressure,
    timeoutMs: number,
  ): Omit<Judgement, 'subjectDigest' | 'exitCode' | 'exitSignal'> | undefined {
    if (exit.reason === 'TIMEOUT') {
      const message = `The verification took longer than its ${timeoutMs / 1000} seconds.`;
      return { state: 'TIMED_OUT', fault: 'SUBJECT', retryable: false, message };
    }
    // The script was looked at before anything of the subject ran, so what is missing now is the subject's: the
    // folder to start in, or room for one more process. Exit statuses say nothing, 126 and 127 neither: the
    // subject may bring them about.
    if (exit.reason === 'START_FAILED') {
      const message = `The verification could not be started on what the subject left: ${exit.message}`;
      return { state: 'FAILED', fault: 'SUBJECT', retryable: false, message };
    }
    if (exit.code === undefined) {
      const starved = exit.reason === 'OUT_OF_MEMORY' || outOfMemoryKills > 0;
      const message = starved
        ? 'The verification ran out of memory.'
        : `The verification script was ended by ${exit.signal ?? 'a signal'}.`;
      return { state: 'FAILED', fault: 'SUBJECT', retryable: false, message };
    }
    return undefined;
  }

  async #reports(sandbox: WorkSandbox, globs: readonly string[], signal: AbortSignal): Promise<Report[]> {
    const packed = await sandbox.run({
      argv: [INIT, 'reports', REPORT_DIR, String(2 * MAX_REPORT_BYTES)],
      timeoutMs: 30_000,
      maxOutputBytes: 2 * MAX_REPORT_BYTES,
      signal,
    });
    if (packed.exit.code === REPORTS_TOO_LARGE) {
      throw new TreeUnusable(`The reports are larger than ${MAX_REPORT_BYTES} bytes.`);
    }
    if (packed.exit.code !== 0) {
      throw new TreeUnusable(
        `The reports can't be read: ${packed.stderr.slice(0, 500) || packed.exit.message}`,
      );
    }
    const matchers = globs.map((glob) => globMatcher(glob));
    const reports: Report[] = [];
    let bytes = 0;
    const entries = extract();
    Readable.from([packed.stdout], { objectMode: false }).pipe(entries);
    for await (const entry of entries) {
      const full = entry.header.name;
      const [, subjects, within = ''] = /^(subject-[^/]+)\/(.*)$/s.exec(full) ?? [];
      const path = subjects === undefined ? full : within;
      if (entry.header.type === 'file' && matchers.some((matches) => matches(path))) {
        const content = await buffer(entry);
        bytes += content.length;
        if (bytes > MAX_REPORT_BYTES) {
          throw new TreeUnusable(`The reports are larger than ${MAX_REPORT_BYTES} bytes.`);
        }
        reports.push({ path: full, bySubject: subjects !== undefined, content });
      } else {
        entry.resume();
      }
    }
    return reports.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
