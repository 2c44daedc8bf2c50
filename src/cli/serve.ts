import { Command, Option } from 'commander';
import { SERVER_SETTINGS, flagName } from '../config-settings.js';
import { loadServerConfig } from '../config.js';
import type { Cli } from './context.js';
import { CommandError } from './exit-status.js';

export function serveCommand(cli: Cli): Command {
  const command = new Command('serve')
    .description('run the server until SIGTERM; one line says when it is ready')
    .option('--config <FILE>', 'settings in YAML (CODESET_CONFIG)')
    .option('--json', 'print the ready line as JSON');
  for (const { name, placeholder, doc, fallback } of SERVER_SETTINGS) {
    const value = placeholder === '' ? '' : ` <${placeholder}>`;
    command.addOption(
      new Option(`${flagName(name)}${value}`, `${doc.split('. ')[0]} (default: ${fallback})`),
    );
  }
  return command.action((options: Record<string, string | boolean>) =>
    cli.run(command, async ({ out }) => {
      const { json, ...flags } = options;
      // The options of the program in front of `serve` count as well.
      const config = loadServerConfig({
        flags: { dataDir: command.optsWithGlobals<{ dataDir?: string }>().dataDir, ...flags },
      });
      // Loaded when wanted: other commands start in a fraction of the time.
      const { serve, StartError } = await import('../main.js');
      try {
        return await serve(config, (app) => {
          if (json === true)
            return void out.document({ address: app.address, dataDir: config.dataDir }, false);
          out.line(`codeset is ready at ${app.address} (data in ${config.dataDir})`);
          if (app.adminKey.created) out.note(`The admin's key was made in ${app.adminKey.path}.`);
          for (const { engine, warnings } of app.capabilities) {
            for (const warning of warnings) out.note(`Note (${engine}): ${warning}`);
          }
        });
      } catch (error) {
        throw error instanceof StartError ? new CommandError(error.message) : error;
      }
    }),
  );
}
