import { Command, CommanderError } from 'commander';
import { applyCommand } from './apply.js';
import { attachCommand } from './attach.js';
import { completeCommand, completionCommand } from './completion/completion.js';
import { Cli, type CliIo } from './context.js';
import { cpCommand } from './cp.js';
import { diffCommand } from './diff.js';
import { doctorCommand } from './doctor.js';
import { evalCommand } from './eval/eval.js';
import { addExamples } from './examples.js';
import { execCommand } from './exec.js';
import { DONE, USAGE } from './exit-status.js';
import { keyCommand } from './key/key.js';
import { withCommonOptions } from './options.js';
import { mcpCommand } from './mcp.js';
import { sampleCommand } from './sample/sample.js';
import { serveCommand } from './serve.js';
import { sessionCommand } from './session/session.js';
import { shellCommand } from './shell.js';
import { verificationCommand } from './verification/verification.js';
import { verifyCommand } from './verify.js';

const EXIT_STATUSES = `
Exit status: 0 done (verify: PASSED), 1 a negative answer (FAILED, TIMED_OUT, not found), 2 wrong usage,
3 the server or network failed or gave no verdict. \`exec\` gives the command's own, 128+n after signal n,
124 after a time-out, 125 when the service could not run it, 126 not executable, 127 not found.`;

/** Runs one command line. @returns the exit status; never throws. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const cli = new Cli(io);
  const program = programOf(cli);
  try {
    await program.parseAsync(args, { from: 'user' });
    return cli.status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USAGE;
    io.stderr.write(`codeset: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 3;
  }
}

export function programOf(cli: Cli): Command {
  const program = new Command('codeset')
    .description('Isolated sandboxes made from samples for coding agents, and verdicts on their work.')
    .enablePositionalOptions()
    .addHelpText('after', EXIT_STATUSES);
  // Also in front of a command's name.
  withCommonOptions(program);
  for (const command of [
    serveCommand(cli),
    doctorCommand(cli),
    sampleCommand(cli),
    sessionCommand(cli),
    execCommand(cli),
    attachCommand(cli),
    shellCommand(cli),
    verifyCommand(cli),
    evalCommand(cli),
    mcpCommand(cli),
    verificationCommand(cli),
    cpCommand(cli),
    diffCommand(cli),
    applyCommand(cli),
    keyCommand(cli),
    completionCommand(cli),
  ])
    program.addCommand(command);
  program.addCommand(completeCommand(cli), { hidden: true });
  addExamples(program);
  const settle = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => cli.io.stdout.write(text),
      writeErr: (text) => cli.io.stderr.write(text),
    });
    command.commands.forEach(settle);
  };
  settle(program);
  return program;
}
