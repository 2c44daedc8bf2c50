import { bytesOf } from './bytes-of.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { createSessionRequest, type CreateSessionOptions } from './create-session.js';
import type { CallControl } from './deadline.js';
import {
  ConnectionError,
  DeadlineExceededError,
  FailedPreconditionError,
  PermissionDeniedError,
} from './errors.js';
import { forkAll, forkEach, type ForkOptions, type ForkResult, type Forks } from './fork.js';
import { pages, present } from './present.js';
import { sampleRef, type SampleName } from './sample-name.js';
import { Samples } from './samples.js';
import { sessionInfo, type SessionInfo } from './session-info.js';
import { Session, sessionOf } from './session.js';
import { snapshotInfo, type SnapshotInfo } from './snapshot-info.js';
import { verdict, type Verdict } from './verdict.js';
import { verify, type VerifyOptions } from './verify.js';
import { numberOf, SESSION_STATE_WORDS, VERIFICATION_STATE_WORDS } from './words.js';

const DEFAULT_ADDRESS = '127.0.0.1:50051';
const CONNECT_MS = 10_000;
const PAGE = 200;

/** Where the server is and who asks. */
export interface ConnectOptions extends Partial<ConnectionOptions>, CallControl {
  /**
   * Where `CODESET_ADDRESS` and `CODESET_API_KEY` are looked up when `address` or `apiKey` are not given:
   * `process.env`, usually. The library itself reads no environment.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Which sessions a list shows, or a call closes. */
export interface SessionFilter extends CallControl {
  /** Only those that have all of these labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Only those of this sample. */
  readonly sampleId?: string | undefined;
}

/** Which verifications a list shows. */
export interface VerificationFilter extends CallControl {
  /** Only those of this session and of its snapshots. */
  readonly sessionId?: string | undefined;
  /** Only those by this sample. */
  readonly sampleId?: string | undefined;
  readonly states?: readonly (keyof typeof VERIFICATION_STATE_WORDS)[] | undefined;
}

/**
 * A codeset server.
 *
 * @example
 * await using client = await CodesetClient.connect({ env: process.env });
 * await using session = await client.createSession({ sample: 'median-of-even-lists' });
 * console.log((await session.run('ls')).stdout);
 */
export class CodesetClient implements AsyncDisposable {
  /** The samples of the server. */
  readonly samples: Samples;
  /**
   * The generated stubs beneath, one client per service, with the same key, errors and tries again: for what this
   * library has no method for.
   *
   * @example
   * const { verifications } = await client.stubs.verifications.listVerifications({ pageSize: 10 });
   */
  readonly stubs: Pick<Connection, 'samples' | 'sessions' | 'verifications'>;
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
    this.stubs = connection;
    this.samples = new Samples(connection);
  }

  /**
   * Connects, and finds out that a server is there and takes the key.
   * @param options `address` is `HOST:PORT` or `unix:PATH` (default: `CODESET_ADDRESS` of `env`, then
   * 127.0.0.1:50051), `apiKey` an admin's or runner's key or a session's agent token (default: `CODESET_API_KEY`
   * of `env`), `timeoutMs` how long to try (default 10,000), `reconnectTimeoutMs` for how long calls and streams
   * are taken up again later when the connection breaks (default 30,000, 0: never).
   * @throws ConnectionError when there is no server, UnauthenticatedError when it does not know the key
   *
   * @example
   * const client = await CodesetClient.connect({ address: 'unix:/run/codeset.sock', apiKey });
   */
  static async connect(options: ConnectOptions = {}): Promise<CodesetClient> {
    const { env = {}, reconnectTimeoutMs, signal, timeoutMs = CONNECT_MS } = options;
    const address = options.address ?? (env['CODESET_ADDRESS'] || DEFAULT_ADDRESS);
    const apiKey = options.apiKey ?? (env['CODESET_API_KEY'] || undefined);
    const connection = new Connection({ address, apiKey, reconnectTimeoutMs });
    try {
      await connection.sessions.listSessions({ pageSize: 1 }, { signal, timeoutMs });
    } catch (error) {
      // An agent's token is good, only not for this.
      if (error instanceof PermissionDeniedError) return new CodesetClient(connection);
      connection.close();
      if (error instanceof DeadlineExceededError && !connection.answered)
        throw new ConnectionError(`No server answered at ${address} within ${timeoutMs} ms.`, {
          cause: error,
        });
      throw error;
    }
    return new CodesetClient(connection);
  }

  /**
   * Makes a session and waits until it is READY.
   * @throws TypeError unless exactly one of `sample`, `environment` and `snapshot` is named; NotFoundError;
   * FailedPreconditionError when its sandbox could not be made (`reason` SESSION_NOT_READY, the session is closed
   * then), SAMPLE_NOT_READY, ENVIRONMENT_UNMET; ResourceExhaustedError SESSION_LIMIT; InvalidArgumentError
   *
   * @example
   * await using session = await client.createSession({
   *   sample: 'median-of-even-lists',
   *   env: { CI: '1' },
   *   secretEnv: { TOKEN: token },
   *   labels: { run: 'nightly' },
   *   ttlMs: 60 * 60 * 1000,
   * });
   */
  async createSession(options: CreateSessionOptions): Promise<Session> {
    const { signal, timeoutMs } = options;
    const answer = await this.#connection.sessions.createSession(createSessionRequest(options), {
      signal,
      timeoutMs,
    });
    const info = sessionInfo(present(answer.session, 'session'));
    const { agentToken } = answer;
    const session = new Session(this.#connection, info.sessionId, { closesWithOwner: true, agentToken });
    if (info.state !== 'ERROR') return session;
    await session.close();
    const message = `The session could not be made: ${info.error}`;
    const metadata = { id: info.sessionId };
    throw new FailedPreconditionError('FAILED_PRECONDITION', 'SESSION_NOT_READY', message, { metadata });
  }

  /**
   * A session that is there, made by whomever; nothing is asked of the server yet. It lives on after the block.
   *
   * @example
   * const session = client.session(process.argv[2]);
   * console.log((await session.info()).state);
   */
  session(sessionId: string): Session {
    return new Session(this.#connection, sessionId, { closesWithOwner: false });
  }

  /**
   * Makes sessions from a snapshot, as `session.fork` does from a session.
   * @throws NotFoundError SNAPSHOT_NOT_FOUND, ResourceExhaustedError, UnavailableError
   *
   * @example
   * await using forks = await client.fork(snapshotId, { count: 4 });
   */
  fork(snapshotId: string, options: ForkOptions = {}): Promise<Forks<Session>> {
    return forkAll(this.forkEach(snapshotId, options));
  }

  /** As `fork`, one by one as they are made, as `session.forkEach` does. */
  forkEach(snapshotId: string, options: ForkOptions = {}): AsyncIterableIterator<ForkResult<Session>> {
    return forkEach(this.#connection, { $case: 'snapshotId', value: snapshotId }, options, sessionOf);
  }

  /**
   * Snapshots, newest first, page after page as they are read.
   *
   * @example
   * for await (const { snapshotId, sizeBytes } of client.listSnapshots()) console.log(snapshotId, sizeBytes);
   */
  listSnapshots(
    filter: SessionFilter & { readonly sessionId?: string | undefined } = {},
  ): AsyncIterableIterator<SnapshotInfo> {
    const { labels = {}, sampleId = '', sessionId = '', ...control } = filter;
    return pages(async (pageToken) => {
      const ask = { labels: { ...labels }, sampleId, sessionId, pageSize: PAGE, pageToken };
      const { snapshots, nextPageToken } = await this.#connection.sessions.listSnapshots(ask, control);
      return { items: snapshots.map(snapshotInfo), nextPageToken };
    });
  }

  /**
   * A snapshot. @throws NotFoundError SNAPSHOT_NOT_FOUND
   *
   * @example
   * const { sizeBytes } = await client.getSnapshot(snapshotId);
   */
  async getSnapshot(snapshotId: string, control: CallControl = {}): Promise<SnapshotInfo> {
    const { snapshot } = await this.#connection.sessions.getSnapshot({ snapshotId }, control);
    return snapshotInfo(present(snapshot, 'snapshot'));
  }

  /**
   * Deletes a snapshot; sessions that began as it are left as they are. It is not sent twice.
   * @throws NotFoundError SNAPSHOT_NOT_FOUND, FailedPreconditionError SNAPSHOT_IN_USE
   *
   * @example
   * await client.deleteSnapshot(snapshotId);
   */
  async deleteSnapshot(snapshotId: string, control: CallControl = {}): Promise<void> {
    await this.#connection.sessions.deleteSnapshot({ snapshotId }, control);
  }

  /**
   * Sessions, newest first, page after page as they are read.
   * @param filter `states`: only in these; default: in any.
   *
   * @example
   * for await (const { sessionId, state } of client.listSessions({ labels: { run: 'nightly' } }))
   *   console.log(sessionId, state);
   */
  listSessions(
    filter: SessionFilter & {
      readonly states?: readonly (keyof typeof SESSION_STATE_WORDS)[] | undefined;
    } = {},
  ): AsyncIterableIterator<SessionInfo> {
    const { labels = {}, sampleId = '', states = [], ...control } = filter;
    return pages(async (pageToken) => {
      const ask = {
        labels: { ...labels },
        sampleId,
        states: states.map((state) => numberOf(SESSION_STATE_WORDS, state, 'states')),
        pageSize: PAGE,
        pageToken,
      };
      const { sessions, nextPageToken } = await this.#connection.sessions.listSessions(ask, control);
      return { items: sessions.map(sessionInfo), nextPageToken };
    });
  }

  /**
   * Closes every open session that fits.
   * @param filter `all` is needed when there is no other: really all sessions.
   * @returns how many were closed. @throws InvalidArgumentError for no filter and not `all`
   *
   * @example
   * await client.closeSessions({ labels: { run: 'nightly' } });
   */
  async closeSessions(filter: SessionFilter & { readonly all?: boolean | undefined }): Promise<number> {
    const { labels = {}, sampleId = '', all = false, ...control } = filter;
    const ask = { labels: { ...labels }, sampleId, all };
    return (await this.#connection.sessions.closeSessions(ask, control)).closedCount;
  }

  /**
   * Judges a patch without a session.
   * @param diff a unified diff with git's headers, as `session.diff()` makes it; empty for the untouched codebase.
   * @throws NotFoundError, FailedPreconditionError SAMPLE_NOT_READY, ResourceExhaustedError VERIFICATION_LIMIT
   *
   * @example
   * const { state } = await client.verifyPatch('median-of-even-lists', await readFile('fix.patch'));
   */
  verifyPatch(sample: SampleName, diff: string | Uint8Array, options: VerifyOptions = {}): Promise<Verdict> {
    const value = { sample: sampleRef(sample), diff: bytesOf(diff) };
    return verify(this.#connection, { $case: 'patch', value }, options);
  }

  /**
   * Judges a snapshot as the session that it was taken of would have been; that session need not be there any more.
   * @throws NotFoundError SNAPSHOT_NOT_FOUND, FailedPreconditionError SAMPLE_NOT_FOUND (of a session that was made from
   * an environment alone), ResourceExhaustedError VERIFICATION_LIMIT or SESSION_VERIFICATION_LIMIT
   *
   * @example
   * const { snapshotId } = await session.snapshot();
   * const { score } = await client.verifySnapshot(snapshotId);
   */
  verifySnapshot(snapshotId: string, options: VerifyOptions = {}): Promise<Verdict> {
    return verify(this.#connection, { $case: 'snapshotId', value: snapshotId }, options);
  }

  /**
   * A verification with its tests. @throws NotFoundError VERIFICATION_NOT_FOUND
   *
   * @example
   * const { state, tests } = await client.getVerification('ver_…');
   */
  async getVerification(verificationId: string, control: CallControl = {}): Promise<Verdict> {
    const answer = await this.#connection.verifications.getVerification({ verificationId }, control);
    return verdict(present(answer.verification, 'verification'));
  }

  /**
   * Verifications, newest first, page after page as they are read; without their tests.
   *
   * @example
   * for await (const { verificationId, state } of client.listVerifications({ sampleId: 'median-of-even-lists' }))
   *   console.log(verificationId, state);
   */
  listVerifications(filter: VerificationFilter = {}): AsyncIterableIterator<Verdict> {
    const { sessionId = '', sampleId = '', states = [], ...control } = filter;
    return pages(async (pageToken) => {
      const ask = {
        sessionId,
        sampleId,
        states: states.map((state) => numberOf(VERIFICATION_STATE_WORDS, state, 'states')),
        pageSize: PAGE,
        pageToken,
      };
      const answer = await this.#connection.verifications.listVerifications(ask, control);
      return { items: answer.verifications.map(verdict), nextPageToken: answer.nextPageToken };
    });
  }

  /**
   * Removes a verification that has ended: its record, its log, and the patch that it judged. It is not sent twice.
   * @throws NotFoundError VERIFICATION_NOT_FOUND, FailedPreconditionError VERIFICATION_NOT_ENDED
   *
   * @example
   * await client.deleteVerification('ver_…');
   */
  async deleteVerification(verificationId: string, control: CallControl = {}): Promise<void> {
    await this.#connection.verifications.deleteVerification({ verificationId }, control);
  }

  /**
   * Closes the connection and ends every call that is open; sessions live on. Idempotent.
   *
   * @example
   * client.close();
   */
  close(): void {
    this.#connection.close();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
