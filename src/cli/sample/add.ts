import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { prepared, registerSample, uploadRepository } from '../../client/registration.js';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import { protoJson } from '../../client/proto-json.js';
import type { Sample } from '../../client/types.js';
import { sampleState } from '../../client/words.js';
import { bundleRepository, packFolder, readManifest } from '../../samples/pack.js';
import type { Cli, CommandContext } from '../context.js';
import { DONE, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { counted } from '../live/counted.js';
import { Progress } from '../live/progress.js';
import { withCommonOptions } from '../options.js';

export function sampleAddCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('add'))
    .description('register samples from their folders, and wait until they are prepared')
    .argument('<DIR...>', 'folders with a sample.yaml')
    .option('--no-wait', 'do not wait for the preparation');
  return command.action((folders: string[], options: { wait: boolean }) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      const added: Sample[] = [];
      let status = DONE;
      using progress = new Progress(context, folders.length);
      for (const folder of folders) {
        try {
          const sample = await add(context, samples, resolve(folder), { ...options, progress });
          added.push(sample);
          if (sampleState(sample.state) === 'ERROR') status = Math.max(status, NEGATIVE);
        } catch (error) {
          // Without a server the next folder fares no better.
          if (error instanceof CodesetClientError && error.unreachable) throw error;
          context.out.note(`${folder}: ${sentenceOf(error, context.config.address)}`);
          status = Math.max(status, statusOf(error));
        } finally {
          progress.end(basename(resolve(folder)));
        }
      }
      if (context.out.json)
        await context.out.document({ samples: added.map((sample) => protoJson('Sample', sample)) });
      return status;
    }),
  );
}

async function add(
  { out }: CommandContext,
  samples: SampleClient,
  folder: string,
  { wait, progress }: { readonly wait: boolean; readonly progress: Progress },
): Promise<Sample> {
  const name = basename(folder);
  progress.at(name, 'is packed');
  const manifest = await readManifest(folder);
  const scratch = await mkdtemp(join(tmpdir(), 'codeset-'));
  try {
    let codebase: { sha256: string; commit: string } | undefined;
    if (manifest.codebase !== undefined) {
      const { git, commit } = manifest.codebase;
      await using bundle = await bundleRepository(resolve(folder, git), [commit], scratch);
      const content = () => counted(bundle.content(), (done) => progress.moved(name, done, bundle.bytes));
      await uploadRepository(samples, { sha256: bundle.sha256, bytes: bundle.bytes, content });
      codebase = { sha256: bundle.sha256, commit };
    }
    const archive = counted(packFolder(folder), (done) => progress.moved(name, done));
    const { sample, created } = await registerSample(samples, archive, codebase);
    if (sample === undefined) throw new Error('The server answered without a sample.');
    progress.at(name, 'is prepared');
    const done = wait ? await prepared(samples, sample, (event) => progress.stage(name, event)) : sample;
    if (!out.json) {
      const state = sampleState(done.state);
      const paint = state === 'READY' ? 'green' : state === 'ERROR' ? 'red' : 'yellow';
      out.line(
        `${done.dataset}/${done.sampleId}@${done.version}  ${out.paint(paint, state)}${created ? '' : '  (was there already)'}`,
      );
      if (done.error !== '') out.note(done.error);
    }
    return done;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
