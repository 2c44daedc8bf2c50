import type { Session, SessionSource } from '../../core/session.js';
import { Feedback } from '../../../gen/codeset/v1/sample.js';
import * as pb from '../../../gen/codeset/v1/session.js';
import type { Checker } from '../checker.js';
import { enumTable, type EnumTable } from '../enum-table.js';
import { environmentToProto, networkModes, resourcesToProto } from './environment.js';
import { feedbacks } from './sample.js';
import { durationFromMs, textTail } from './time.js';

export const sessionStates = enumTable(pb.SessionState, {
  CREATING: 'CREATING',
  READY: 'READY',
  ERROR: 'ERROR',
  CLOSED: 'CLOSED',
  EXPIRED: 'EXPIRED',
});

/** `summary` is for lists, whose answers have to stay small. */
export function sessionToProto(session: Session, depth: 'summary' | 'basic'): pb.Session {
  const summary = depth === 'summary';
  const { verifying } = session;
  return {
    sessionId: session.sessionId,
    state: sessionStates.toProto(session.state),
    error: textTail(session.error, summary ? 1024 : 64 * 1024),
    source: sourceToProto(session.source, summary),
    labels: { ...session.labels },
    env: summary ? {} : { ...session.env },
    resources: resourcesToProto(session.resources),
    network: networkModes.toProto(session.network),
    workdir: session.workdir,
    user: session.user,
    engine: session.engine,
    createTime: session.createTime,
    readyTime: session.readyTime,
    expireTime: session.expireTime,
    idleTimeout: session.idleTimeoutMs === 0 ? undefined : durationFromMs(session.idleTimeoutMs),
    endTime: session.endTime,
    snapshotId: session.snapshotId ?? '',
    feedback: feedbacks.toProto(verifying.feedback),
    agentMayVerify: verifying.agentFeedback !== undefined,
    agentFeedback:
      verifying.agentFeedback === undefined
        ? Feedback.UNSPECIFIED
        : feedbacks.toProto(verifying.agentFeedback),
    maxVerifications: verifying.maxVerifications,
    verificationsBefore: verifying.before,
  };
}

/** As sessions and snapshots have it. */
export function sourceToProto(source: SessionSource, summary: boolean): pb.Session['source'] {
  switch (source.kind) {
    case 'sample':
      return { $case: 'sample', value: { sampleId: source.sampleId, version: source.version, dataset: '' } };
    case 'environment':
      return {
        $case: 'environment',
        value: environmentToProto(
          summary ? { ...source.environment, setup: [], prepare: [], env: {} } : source.environment,
        ),
      };
  }
}

/** The states of a filter; one that means nothing is noted as a violation. */
export function statesFromProto<Core extends string, Proto>(
  check: Checker,
  table: EnumTable<Core, Proto>,
  values: readonly Proto[],
): readonly Core[] {
  const states: Core[] = [];
  values.slice(0, 32).forEach((value, index) => {
    const state = table.fromProto(value);
    if (state === undefined) check.fail(`states[${index}]`, 'is not a state that this service knows');
    else states.push(state);
  });
  if (values.length > 32) check.fail('states', `has ${values.length} items, 32 are allowed`);
  return states;
}
