import { Command } from 'commander';
import { loadServerConfig } from '../config.js';
import type { DockerDiagnosis, LocalDiagnosis } from '../doctor.js';
import type { Cli } from './context.js';
import { DONE, NEGATIVE } from './exit-status.js';
import type { Output } from './output.js';

export function doctorCommand(cli: Cli): Command {
  const command = new Command('doctor')
    .description('what this machine can do, and what to do about what is missing')
    .option('--data-dir <DIR>', "the server's data folder")
    .option('--json', 'print JSON');
  return command.action(() =>
    cli.run(command, async ({ out }) => {
      const { dataDir } = command.optsWithGlobals<{ dataDir?: string }>();
      const config = loadServerConfig({ flags: { dataDir } });
      const { diagnose } = await import('../doctor.js');
      const diagnosis = await diagnose(config);
      if (out.json) {
        await out.document(diagnosis);
      } else {
        showLocal(out, diagnosis);
        showDocker(out, diagnosis.docker);
        out.line('with --engine auto:');
        for (const sentence of diagnosis.auto) out.line(`  ${sentence}`);
      }
      return diagnosis.works || diagnosis.docker.works ? DONE : NEGATIVE;
    }),
  );
}

function showLocal(out: Output, diagnosis: LocalDiagnosis): void {
  if (!diagnosis.works) {
    out.line(`${out.paint('red', 'local engine: no')}   ${diagnosis.problem}`);
    return;
  }
  const { machine, capabilities } = diagnosis;
  out.line(`${out.paint('green', 'local engine: yes')}  ${capabilities.runtime}`);
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  out.table([
    ...machine.attempts.map(({ program, version, refusal }) => [
      '  runtime',
      version ?? program,
      refusal ?? 'works, taken',
    ]),
    [
      '  cgroups',
      machine.cgroups.mode,
      `memory ${yes(machine.cgroups.memory)}, processes ${yes(machine.cgroups.processes)}, cpu ${yes(machine.cgroups.cpu)}, swap ${yes(machine.cgroups.memory && machine.cgroups.swap)}`,
    ],
    [
      '  users',
      machine.users.root ? 'service is root' : 'service is an ordinary user',
      machine.users.separate ? 'sandboxes have 65,536 ids' : 'sandboxes have one id',
    ],
    [
      '  overlay',
      'yes',
      Object.entries(machine.overlay)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(', '),
    ],
    // What is missing is in a note.
    ['  network', 'public', yes(machine.publicNetwork.missing === undefined)],
  ]);
  out.line('programs that sandboxes see:');
  out.table(Object.entries(machine.tools).map(([name, path]) => [`  ${name}`, path ?? 'none']));
  for (const warning of capabilities.warnings) out.line(out.paint('yellow', `note: ${warning}`));
}

function showDocker(out: Output, docker: DockerDiagnosis): void {
  if (!docker.works) {
    out.line(`${out.paint('red', 'docker engine: no')}  ${docker.problem}`);
    return;
  }
  const { daemon } = docker;
  out.line(`${out.paint('green', 'docker engine: yes')} Docker ${daemon.version} at ${docker.address}`);
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  out.table([
    ['  system', daemon.architecture, `Linux ${daemon.kernel}, cgroups v${daemon.cgroupVersion}`],
    ['  runtimes', daemon.defaultRuntime, daemon.runtimes.join(', ')],
    [
      '  walls',
      daemon.rootless ? 'rootless' : 'as root',
      `user namespace ${yes(daemon.userNamespace)}, seccomp ${yes(daemon.seccomp)}`,
    ],
    ['  restart', 'live-restore', yes(daemon.liveRestore)],
  ]);
  for (const warning of docker.warnings) out.line(out.paint('yellow', `note: ${warning}`));
}
