import type { ForkSessionRequest, ForkSessionResponse } from '../../gen/codeset/v1/session_service.js';
import { CodesetError } from '../core/errors.js';
import { mayTryAgain, type ForkRequest, type ForkResult } from '../core/session-forks.js';
import type { SnapshotFilter } from '../core/snapshot.js';
import { Checker, LIFETIME } from './checker.js';
import { sessionToProto } from './convert/session.js';
import { snapshotToProto } from './convert/snapshot.js';
import { durationFromMs } from './convert/time.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { SessionService } from './session-service.js';
import type { SnapshotUseCases } from './use-cases.js';

type SnapshotCalls = Pick<
  SessionService,
  'forkSession' | 'createSnapshot' | 'getSnapshot' | 'listSnapshots' | 'deleteSnapshot'
>;

const MAX_FORKS = 256;

/** Snapshots of sessions, and the sessions that begin as one. */
export function snapshotCalls(snapshots: SnapshotUseCases): SnapshotCalls {
  function idOf(request: { readonly snapshotId: string }): string {
    const check = new Checker();
    check.id('snapshot_id', request.snapshotId);
    check.done();
    return request.snapshotId;
  }

  return {
    async *forkSession(request, context) {
      for await (const result of snapshots.fork(forkRequest(request), context.signal)) {
        yield forkToProto(result);
      }
    },

    async createSnapshot(request) {
      const check = new Checker();
      const wanted = {
        sessionId: check.id('session_id', request.sessionId),
        requestId: check.requestId('request_id', request.requestId),
        labels: check.labels('labels', request.labels),
      };
      check.done();
      return { snapshot: snapshotToProto(await snapshots.create(wanted), 'basic') };
    },

    async getSnapshot(request) {
      return { snapshot: snapshotToProto(await snapshots.get(idOf(request)), 'basic') };
    },

    async listSnapshots(request) {
      const check = new Checker();
      const filter: SnapshotFilter = {
        ...(request.sessionId === '' ? {} : { sessionId: check.id('session_id', request.sessionId) }),
        ...(request.sampleId === ''
          ? {}
          : { sampleId: check.text('sample_id', request.sampleId, { max: 128 }).toLowerCase() }),
        ...(Object.keys(request.labels).length === 0
          ? {}
          : { labels: check.labels('labels', request.labels) }),
      };
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('snapshots', filter, request.pageToken);
      const [page, totalSize] = await Promise.all([
        snapshots.list(filter, { size, after }),
        snapshots.count(filter),
      ]);
      return {
        snapshots: page.items.map((snapshot) => snapshotToProto(snapshot, 'summary')),
        nextPageToken: encodePageToken('snapshots', filter, page.next),
        totalSize,
      };
    },

    async deleteSnapshot(request) {
      await snapshots.delete(idOf(request));
      return {};
    },
  };
}

function forkRequest(request: ForkSessionRequest): ForkRequest {
  const check = new Checker();
  const result: ForkRequest = {
    requestId: check.requestId('request_id', request.requestId),
    source: forkSource(check, request.source),
    count: check.count('count', request.count, MAX_FORKS) || 1,
    labels: check.labels('labels', request.labels),
    env: check.env('env', request.env),
    secretEnv: check.env('secret_env', request.secretEnv),
    ttlMs: check.duration('ttl', request.ttl, LIFETIME),
    idleTimeoutMs: check.duration('idle_timeout', request.idleTimeout, LIFETIME),
  };
  check.done();
  return result;
}

function forkSource(check: Checker, source: ForkSessionRequest['source']): ForkRequest['source'] {
  switch (source?.$case) {
    case 'sessionId':
      return { kind: 'session', sessionId: check.id('session_id', source.value) };
    case 'snapshotId':
      return { kind: 'snapshot', snapshotId: check.id('snapshot_id', source.value) };
    case undefined:
      check.fail('source', 'is required: session_id or snapshot_id');
      return { kind: 'session', sessionId: '' };
  }
}

function forkToProto({ index, snapshotId, result }: ForkResult): ForkSessionResponse {
  return {
    index,
    snapshotId,
    filesOnly: true,
    result:
      result instanceof CodesetError
        ? {
            $case: 'error',
            value: {
              reason: result.reason,
              message: result.message,
              retryable: mayTryAgain(result),
              retryDelay: mayTryAgain(result) ? durationFromMs(result.retryAfterMs ?? 1000) : undefined,
            },
          }
        : {
            $case: 'forked',
            value: { session: sessionToProto(result.session, 'basic'), agentToken: result.agentToken },
          },
  };
}
