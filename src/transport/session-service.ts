import type { CreateSessionRequest, SessionServiceDefinition } from '../../gen/codeset/v1/session_service.js';
import type { SessionFilter } from '../core/session.js';
import { Checker, LIFETIME } from './checker.js';
import { environmentFromProto, networkFromProto, resourcesFromProto } from './convert/environment.js';
import { feedbackFromProto, sampleNameFromProto, stageToProto } from './convert/sample.js';
import { capabilitiesToProto } from './convert/capabilities.js';
import { sessionStates, sessionToProto, statesFromProto } from './convert/session.js';
import { decodePageToken, encodePageToken } from './page-token.js';
import type { SessionRequest } from '../core/session-planner.js';
import type { Service } from './service-types.js';
import type { SessionUseCases } from './use-cases.js';

/** Of one session. */
const MAX_VERIFICATIONS = 1_000_000;

export type SessionService = Service<typeof SessionServiceDefinition>;
type SessionCalls = Pick<
  SessionService,
  | 'createSession'
  | 'getSession'
  | 'listSessions'
  | 'watchSession'
  | 'extendSession'
  | 'closeSession'
  | 'closeSessions'
>;

export function sessionCalls(sessions: SessionUseCases): SessionCalls {
  function idOf(request: { readonly sessionId: string }): string {
    const check = new Checker();
    check.id('session_id', request.sessionId);
    check.done();
    return request.sessionId;
  }

  return {
    async createSession(request, context) {
      const created = await sessions.create(sessionRequest(request));
      const session =
        request.returnImmediately || created.session.state !== 'CREATING'
          ? created.session
          : await sessions.settled(created.session.sessionId, context.signal);
      return { session: sessionToProto(session, 'basic'), agentToken: created.agentToken };
    },

    async getSession(request) {
      const session = await sessions.get(idOf(request));
      const capabilities = sessions.capabilities(session);
      return {
        session: sessionToProto(session, 'basic'),
        engineCapabilities: capabilities && capabilitiesToProto(capabilities),
      };
    },

    async listSessions(request) {
      const check = new Checker();
      const filter: SessionFilter = {
        ...labelsAndSample(check, request),
        ...(request.states.length === 0
          ? {}
          : { states: statesFromProto(check, sessionStates, request.states) }),
      };
      const size = check.pageSize(request.pageSize);
      check.done();
      const after = decodePageToken('sessions', filter, request.pageToken);
      const [page, totalSize] = await Promise.all([
        sessions.list(filter, { size, after }),
        sessions.count(filter),
      ]);
      return {
        sessions: page.items.map((session) => sessionToProto(session, 'summary')),
        nextPageToken: encodePageToken('sessions', filter, page.next),
        totalSize,
      };
    },

    async *watchSession(request, context) {
      for await (const event of sessions.watch(idOf(request), context.signal)) {
        if (event.type === 'stage') {
          yield { event: { $case: 'stage', value: stageToProto(event.stage) } };
          continue;
        }
        yield { event: { $case: 'session', value: sessionToProto(event.session, 'basic') } };
        if (request.untilCreated && event.session.state !== 'CREATING') return;
      }
    },

    async extendSession(request) {
      const check = new Checker();
      check.id('session_id', request.sessionId);
      const ttlMs = check.duration('ttl', request.ttl, { ...LIFETIME, required: true }) ?? 0;
      check.done();
      return { session: sessionToProto(await sessions.extend(request.sessionId, ttlMs), 'basic') };
    },

    async closeSession(request) {
      return { session: sessionToProto(await sessions.close(idOf(request)), 'basic') };
    },

    async closeSessions(request) {
      const check = new Checker();
      const filter = labelsAndSample(check, request);
      if (Object.keys(filter).length === 0 && !request.all) {
        check.fail('all', 'is required when there is no other filter: it closes every session');
      }
      check.done();
      return { closedCount: await sessions.closeMatching(filter) };
    },
  };
}

function labelsAndSample(
  check: Checker,
  request: { readonly labels: Readonly<Record<string, string>>; readonly sampleId: string },
): SessionFilter {
  check.labels('labels', request.labels);
  check.text('sample_id', request.sampleId, { max: 128 });
  return {
    ...(Object.keys(request.labels).length === 0 ? {} : { labels: request.labels }),
    ...(request.sampleId === '' ? {} : { sampleId: request.sampleId.toLowerCase() }),
  };
}

function sessionRequest(request: CreateSessionRequest): SessionRequest {
  const check = new Checker();
  const result: SessionRequest = {
    requestId: check.requestId('request_id', request.requestId),
    source: sourceFromProto(check, request.source),
    labels: check.labels('labels', request.labels),
    env: check.env('env', request.env),
    secretEnv: check.env('secret_env', request.secretEnv),
    ttlMs: check.duration('ttl', request.ttl, LIFETIME),
    idleTimeoutMs: check.duration('idle_timeout', request.idleTimeout, LIFETIME),
    resources: resourcesFromProto(check, 'resources', request.resources),
    network: networkFromProto(check, 'network', request.network),
    verifying: verifyingFromProto(check, request),
  };
  check.done();
  return result;
}

/** Undefined where nothing is said. */
function verifyingFromProto(check: Checker, request: CreateSessionRequest): SessionRequest['verifying'] {
  const feedback = feedbackFromProto(check, 'feedback', request.feedback);
  const agentFeedback = feedbackFromProto(check, 'agent_feedback', request.agentFeedback);
  const maxVerifications = check.count('max_verifications', request.maxVerifications, MAX_VERIFICATIONS);
  if (agentFeedback !== undefined && !request.agentMayVerify) {
    check.fail('agent_feedback', 'goes with agent_may_verify, without which the agent is shown nothing');
  }
  if (!request.agentMayVerify && feedback === undefined && maxVerifications === 0) return undefined;
  return {
    agent: request.agentMayVerify ? { feedback: agentFeedback ?? 'VERDICT' } : undefined,
    feedback,
    maxVerifications: maxVerifications === 0 ? undefined : maxVerifications,
  };
}

function sourceFromProto(check: Checker, source: CreateSessionRequest['source']): SessionRequest['source'] {
  switch (source?.$case) {
    case 'sample':
      return { kind: 'sample', ...sampleNameFromProto(check, 'sample', source.value) };
    case 'environment':
      return {
        kind: 'environment',
        environment: environmentFromProto(check, 'environment', source.value),
      };
    case 'snapshotId':
      return { kind: 'snapshot', snapshotId: check.id('snapshot_id', source.value) };
    case undefined:
      check.fail('source', 'is required: sample, environment or snapshot_id');
      return { kind: 'sample', sampleId: '' };
  }
}
