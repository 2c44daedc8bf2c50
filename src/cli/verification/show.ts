import { Command } from 'commander';
import type { Verification } from '../../client/types.js';
import { msOf } from '../../client/wire-duration.js';
import type { Cli } from '../context.js';
import { refText, withCommonOptions } from '../options.js';
import { showVerdict } from '../verdict.js';
import { judgedText, keptText } from './list.js';

interface ShowOptions {
  readonly log?: boolean;
}

export function verificationShowCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('show'))
    .description('show a verification: its verdict, how it came about, and what is kept of it')
    .argument('<VERIFICATION>', 'its id')
    .option('--log', "only the script's log: what is kept of it, or as it is written");
  return command.action((verificationId: string, options: ShowOptions) =>
    cli.run(command, async (context) => {
      const { verifications } = await context.connect();
      const { out } = context;
      if (options.log === true) {
        for await (const message of verifications.watchVerification({ verificationId })) {
          if (out.json) await out.message('WatchVerificationResponse', message, false);
          else if (message.event?.$case === 'log') await out.bytes(message.event.value.data);
        }
        return;
      }
      const { verification } = await verifications.getVerification({ verificationId });
      if (verification === undefined) throw new Error('The server answered without a verification.');
      if (out.json) return out.message('Verification', verification);
      out.table(rowsOf(verification).filter(([, value]) => value !== ''));
      out.line();
      showVerdict(out, verification);
    }),
  );
}

function rowsOf(verification: Verification): readonly (readonly [name: string, value: string])[] {
  const { status, logCutBytes: cut } = verification;
  return [
    ['verification', verification.verificationId],
    ['sample', verification.sample === undefined ? '' : refText(verification.sample)],
    ['judged', judgedText(verification)],
    ['attempt', String(verification.attempt || '')],
    ['engine', verification.engine],
    ['runtime', verification.runtime],
    ['service', verification.serviceVersion],
    ['limits', limitsText(verification)],
    ['created', verification.createTime?.toISOString() ?? ''],
    ['started', verification.startTime?.toISOString() ?? ''],
    ['ended', verification.endTime?.toISOString() ?? ''],
    ['exit', status === undefined ? '' : String(status.value)],
    ['subject sha256', verification.subjectDigest],
    ['sample sha256', verification.sampleDigest],
    ['environment sha256', verification.environmentDigest],
    ['log sha256', verification.logDigest],
    [
      'log bytes',
      verification.logDigest === ''
        ? ''
        : `${verification.logBytes}${cut > 0n ? `, ${cut} of them cut from its middle` : ''}`,
    ],
    ['log kept', keptText(verification.storedBytes?.log, verification.logExpired)],
    ['patch kept', keptText(verification.storedBytes?.subject, verification.subjectExpired)],
  ];
}

function limitsText({ resources, timeout }: Verification): string {
  if (resources === undefined) return '';
  const { cpus, memoryBytes, processes, diskBytes } = resources;
  const time = timeout === undefined ? '' : `, ${msOf(timeout) / 1000} s`;
  return `${cpus} CPUs, ${memoryBytes} bytes of memory, ${processes} processes, ${diskBytes} bytes on disk${time}`;
}
