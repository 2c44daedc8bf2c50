import { Command } from 'commander';
import type { JsonObject } from '../../client/proto-json.js';
import type { EngineCapabilities, Session } from '../../client/types.js';
import { feedback, limitEnforcement, sessionState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { withCommonOptions } from '../options.js';
import type { Output } from '../output.js';
import { sourceText } from './list.js';

export function sessionShowCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('show'))
    .description('show a session')
    .argument('<SESSION>', 'its id');
  return command.action((sessionId: string) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { session, engineCapabilities } = await sessions.getSession({ sessionId });
      if (session === undefined) throw new Error('The server answered without a session.');
      if (context.out.json) return showAsJson(context.out, session, engineCapabilities);
      showSession(context.out, session, engineCapabilities);
    }),
  );
}

/** The session's fields, and beside them what its engine gives, where that is known. */
async function showAsJson(out: Output, session: Session, engine?: EngineCapabilities): Promise<void> {
  const { protoJson } = await import('../../client/proto-json.js');
  await out.document({
    ...(protoJson('Session', session) as JsonObject),
    ...(engine !== undefined && { engineCapabilities: protoJson('EngineCapabilities', engine) }),
  });
}

export function showSession(out: Output, session: Session, engine?: EngineCapabilities): void {
  const { resources } = session;
  out.table([
    ['session', session.sessionId],
    ['state', sessionState(session.state)],
    ...(session.error === '' ? [] : [['error', session.error]]),
    ['source', sourceText(session)],
    ...(session.snapshotId === '' ? [] : [['snapshot', session.snapshotId]]),
    ['engine', session.engine],
    ...(engine === undefined ? [] : capabilityRows(engine)),
    ['user', session.user],
    ['workdir', session.workdir],
    [
      'limits',
      resources === undefined
        ? ''
        : `${resources.cpus} cpus, ${resources.memoryBytes} bytes of memory, ${resources.processes} processes, ${resources.diskBytes} bytes on disk`,
    ],
    ...verifyingRows(session),
    ...Object.entries(session.labels).map(([key, value]) => ['label', `${key}=${value}`]),
    ...Object.entries(session.env).map(([key, value]) => ['env', `${key}=${value}`]),
    ['created', session.createTime?.toISOString() ?? ''],
    session.endTime === undefined
      ? ['expires', session.expireTime?.toISOString() ?? '']
      : ['ended', session.endTime.toISOString()],
  ]);
}

/** What is said of its verifications, where something is. */
function verifyingRows({
  agentMayVerify,
  maxVerifications,
  verificationsBefore,
  ...session
}: Session): string[][] {
  const word = (value: number): string => feedback(value).toLowerCase();
  return [
    ...(word(session.feedback) === 'full' ? [] : [['feedback', word(session.feedback)]]),
    ...(agentMayVerify ? [['agent', `may verify, feedback ${word(session.agentFeedback)}`]] : []),
    ...(maxVerifications === 0
      ? []
      : [['verifications', `at most ${maxVerifications}, of which ${verificationsBefore} before it began`]]),
  ];
}

function capabilityRows(engine: EngineCapabilities): string[][] {
  const { memory, processes, cpu, disk } = engine;
  const held = Object.entries({ memory, processes, cpu, disk }).map(
    ([name, how]) => `${name} ${limitEnforcement(how).toLowerCase()}`,
  );
  return [
    ['runtime', [engine.runtime, ...(engine.link === '' ? [] : [`link ${engine.link}`])].join(', ')],
    [
      'isolation',
      `${engine.userNamespace ? '' : 'no '}user namespace, ${engine.seccomp ? '' : 'no '}seccomp`,
    ],
    ['enforced', held.join(', ')],
    ...engine.warnings.map((warning) => ['note', warning]),
  ];
}
