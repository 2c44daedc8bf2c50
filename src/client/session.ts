import type { CommandLine } from './command.js';
import type { Connection } from './connection.js';
import type { CallControl } from './deadline.js';
import { execInfo, type ExecInfo } from './exec-info.js';
import { forkAll, forkEach, type ForkOptions, type ForkResult, type Forks } from './fork.js';
import { newId } from './new-id.js';
import { pages, present } from './present.js';
import { runCommand, type CommandResult, type RunOptions } from './run-command.js';
import type { RunningCommand } from './running-command.js';
import { SessionFiles } from './session-files.js';
import { sessionInfo, type SessionInfo } from './session-info.js';
import { snapshotInfo, type SnapshotInfo } from './snapshot-info.js';
import { attach, spawn, type AttachOptions, type SpawnOptions } from './spawn.js';
import type { Verdict } from './verdict.js';
import { verify, type VerifyOptions } from './verify.js';
import { wireDuration } from './wire-duration.js';

/** Commands in one remembering shell; see `Session.shell`. */
export interface SessionShell {
  readonly name: string;
  /** As `Session.run`, in this shell. */
  run(command: CommandLine, options?: Omit<RunOptions, 'shell'>): Promise<CommandResult>;
  /** As `Session.spawn`, in this shell; not with `tty`. */
  spawn(command: CommandLine, options?: Omit<SpawnOptions, 'shell'>): Promise<RunningCommand>;
}

/** How a snapshot is made. */
export interface SnapshotOptions extends CallControl {
  /** To find it by. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The same id again gives the same snapshot. Default: a new one. */
  readonly requestId?: string | undefined;
}

/** What makes a Session. */
export interface SessionOptions {
  /** Whether it ends with the block that made it. */
  readonly closesWithOwner: boolean;
  readonly agentToken?: string | undefined;
}

/**
 * A live sandbox. One that was created or forked here is closed at the end of its `await using` block; one that
 * was only named (`client.session(id)`) lives on.
 *
 * @example
 * await using session = await client.createSession({ sample: 'median-of-even-lists' });
 * const { stdout, exitCode } = await session.run('git log --oneline');
 */
export class Session extends SessionFiles implements AsyncDisposable {
  /**
   * A key that is good for this session's commands and files alone, to be given to an agent. Empty unless this
   * client made the session: it is shown once.
   */
  readonly agentToken: string;
  readonly #closesWithOwner: boolean;

  /** For the client; people get sessions from CodesetClient. */
  constructor(connection: Connection, id: string, options: SessionOptions) {
    super(connection, id);
    this.agentToken = options.agentToken ?? '';
    this.#closesWithOwner = options.closesWithOwner;
  }

  /**
   * Runs a command to its end and gives what it wrote. A command that fails is an answer: look at `exitCode`,
   * `signal` and `reason`. It goes on over a broken connection and a restart of the service.
   * @param command a string is a shell line, an array a program and its arguments.
   * @throws InvalidArgumentError for a wrong option, NotFoundError, FailedPreconditionError SESSION_ENDED,
   * DisconnectedError; the reason of `signal`
   *
   * @example
   * const { stdout, exitCode } = await session.run('ls | wc -l', { cwd: '/etc', timeoutMs: 10_000 });
   * const sorted = await session.run(['sort', '-n'], { stdin: '10\n9\n' });
   */
  run(command: CommandLine, options: RunOptions = {}): Promise<CommandResult> {
    return runCommand(this.connection, this.id, command, options);
  }

  /**
   * Starts a command whose streams are used while it runs; resolves once it was started. It is ended at the end
   * of its `await using` block unless it is `detach`. A program that can't be executed ends with START_FAILED.
   * @throws as `run`
   *
   * @example
   * await using child = await session.spawn('npm start');
   * for await (const line of createInterface({ input: child.stdout })) {
   *   if (line.includes('listening')) break;
   * }
   */
  spawn(command: CommandLine, options: SpawnOptions = {}): Promise<RunningCommand> {
    return spawn(this.connection, this.id, command, options);
  }

  /**
   * A shell that remembers: its commands run one after another in the same bash (sh where there is none), so that
   * directory, variables, functions and activated environments last. Each still has its own outputs, status and
   * time-out; after one that had to be killed, or that ended the shell, `shellReset` is true.
   * @param name `[A-Za-z0-9._-]{1,64}`; the same name is the same shell, for other clients too.
   *
   * @example
   * const main = session.shell('main');
   * await main.run('cd /tmp && export WHO=me');
   * const { stdout } = await main.run('echo $WHO in $PWD'); // me in /tmp
   */
  shell(name: string): SessionShell {
    return {
      name,
      run: (command, options = {}) => this.run(command, { ...options, shell: name }),
      spawn: (command, options = {}) => this.spawn(command, { ...options, shell: name }),
    };
  }

  /**
   * Makes sessions whose files begin as this one's are now; its commands go on. Processes are not copied, nor what
   * lies in /tmp, /run and /dev/shm. Resolves when all of them are READY; when one can't be made the others are
   * closed.
   * @returns the sessions, which are closed at the end of the block together.
   * @throws FailedPreconditionError, ResourceExhaustedError SESSION_LIMIT or DISK_FULL, UnavailableError
   *
   * @example
   * await using forks = await session.fork({ count: 8 });
   * await Promise.all(forks.sessions.map((fork, i) => fork.run(`./try ${i}`)));
   */
  fork(options: ForkOptions = {}): Promise<Forks<Session>> {
    return forkAll(this.forkEach(options));
  }

  /**
   * As `fork`, one by one as they are made: each with its session or the error in its place. Whoever takes a
   * session from here closes it.
   *
   * @example
   * for await (const { index, session: fork, error } of session.forkEach({ count: 64 })) {
   *   console.log(index, fork?.id ?? error?.reason);
   * }
   */
  forkEach(options: ForkOptions = {}): AsyncIterableIterator<ForkResult<Session>> {
    return forkEach(this.connection, { $case: 'sessionId', value: this.id }, options, sessionOf);
  }

  /**
   * Keeps the session's files as they are now, also for when it has ended: `client.createSession({ snapshot })`
   * and `client.fork(snapshot)` make sessions from them.
   * @throws FailedPreconditionError, ResourceExhaustedError TOO_LARGE or DISK_FULL
   *
   * @example
   * const { snapshotId } = await session.snapshot({ labels: { step: '1' } });
   */
  async snapshot(options: SnapshotOptions = {}): Promise<SnapshotInfo> {
    const { labels, requestId = newId('req'), ...control } = options;
    const ask = { sessionId: this.id, requestId, labels: { ...labels } };
    const { snapshot } = await this.connection.sessions.createSnapshot(ask, control);
    return snapshotInfo(present(snapshot, 'snapshot'));
  }

  /**
   * Takes part in a command that was started, here or by somebody else: its outputs from the offsets on as far as
   * they are kept, and its end. Leaving it does nothing to the command.
   * @throws NotFoundError EXEC_NOT_FOUND, OutOfRangeError OFFSET_OUT_OF_RANGE
   *
   * @example
   * const { execId } = await session.spawn('make test', { detach: true });
   * await using again = await session.attach(execId);
   * const { exitCode } = await again.exited;
   */
  attach(execId: string, options: AttachOptions = {}): Promise<RunningCommand> {
    return attach(this.connection, this.id, execId, options);
  }

  /**
   * The session's commands, newest first, ended ones included, page after page as they are read.
   *
   * @example
   * for await (const { execId, state, command } of session.listExecs()) console.log(execId, state, command);
   */
  listExecs(control: CallControl = {}): AsyncIterableIterator<ExecInfo> {
    return pages(async (pageToken) => {
      const ask = { sessionId: this.id, pageSize: 200, pageToken };
      const { execs, nextPageToken } = await this.connection.sessions.listExecs(ask, control);
      return { items: execs.map(execInfo), nextPageToken };
    });
  }

  /**
   * Judges what the session holds at this moment by the sample's hidden tests, in a sandbox of its own; the
   * session is not changed. Aborting `signal` cancels it.
   * @throws FailedPreconditionError SESSION_NOT_READY, SAMPLE_NOT_FOUND (made from an environment alone),
   * ResourceExhaustedError VERIFICATION_LIMIT or SESSION_VERIFICATION_LIMIT, PermissionDeniedError (with the token of an
   * agent that was not given `agentMayVerify`)
   *
   * @example
   * const verdict = await session.verify({ onLog: (data) => process.stderr.write(data) });
   * console.log(verdict.state, verdict.tests.filter(({ status }) => status !== 'PASSED'));
   */
  verify(options: VerifyOptions = {}): Promise<Verdict> {
    return verify(this.connection, { $case: 'sessionId', value: this.id }, options);
  }

  /**
   * The session as it is now. @throws NotFoundError SESSION_NOT_FOUND
   *
   * @example
   * const { state, expireTime } = await session.info();
   */
  async info(control: CallControl = {}): Promise<SessionInfo> {
    const { session } = await this.connection.sessions.getSession({ sessionId: this.id }, control);
    return sessionInfo(present(session, 'session'));
  }

  /**
   * Gives it another time to live, counted from now.
   * @param ttlMs in milliseconds; at least 1000, at most 7 days; may be shorter than what was left.
   * @throws FailedPreconditionError SESSION_ENDED
   *
   * @example
   * await session.extend(2 * 60 * 60 * 1000);
   */
  async extend(ttlMs: number, control: CallControl = {}): Promise<SessionInfo> {
    const ask = { sessionId: this.id, ttl: wireDuration(ttlMs) };
    const { session } = await this.connection.sessions.extendSession(ask, control);
    return sessionInfo(present(session, 'session'));
  }

  /**
   * Closes it: ends what runs and removes its sandbox. Idempotent; verifications that were started go on.
   * @throws NotFoundError SESSION_NOT_FOUND
   *
   * @example
   * await session.close();
   */
  async close(control: CallControl = {}): Promise<void> {
    await this.connection.sessions.closeSession({ sessionId: this.id }, control);
  }

  /** Closes it when it was made here. Idempotent. @throws ConnectionError when nobody is there to close it */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closesWithOwner) await this.close();
  }
}

/** A session that a fork made: it ends with the block that asked for it. */
export function sessionOf(connection: Connection, id: string, agentToken: string): Session {
  return new Session(connection, id, { closesWithOwner: true, agentToken });
}
