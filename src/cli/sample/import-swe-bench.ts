import type { Command } from 'commander';
import { importSweBench } from '../../samples/import/swe-bench.js';
import type { Cli } from '../context.js';
import { importEntriesCommand } from './import-entries.js';

const EXAMPLES = `
Examples:
  codeset sample import swe-bench SWE-bench_Lite.parquet --image-template 'swebench/sweb.eval.x86_64.{dockerhub_id}'
  codeset sample import swe-bench instances.jsonl --repo ./clone --environment environment.yaml
  codeset sample import swe-bench swe-rebench.parquet --image-template '{docker_image}'
  codeset sample import swe-bench multi.json --environment java.yaml --test-command 'sh run-tests {files}'

docs/importing.md says what becomes of each field.`;

export function importSweBenchCommand(cli: Cli): Command {
  return importEntriesCommand(cli, {
    name: 'swe-bench',
    description:
      'register the instances of a SWE-bench file (also Multi-SWE-bench, SWE-Gym, SWE-rebench); a bad one does not stop the rest',
    examples: EXAMPLES,
    importEntries: (entries, options, place) => importSweBench(entries, options, place),
  });
}
