import type { Command } from 'commander';
import { importCodeset } from '../../samples/import/codeset.js';
import type { Cli } from '../context.js';
import { importEntriesCommand } from './import-entries.js';

const EXAMPLES = `
Examples:
  codeset sample import codeset samples.json --environment environment.yaml
  codeset sample import codeset sample.json --repo ./clone --image-template 'registry.example/{sample_id}'
  codeset sample import codeset java.jsonl --environment java.yaml --test-command 'mvn -q -B test'

FILE holds one sample, a list, an answer of GET /samples, or a sample a line. Reports that a test command leaves where
the platform's own runner looks for them (target/surefire-reports/*.xml, …) are collected. docs/importing.md says what
becomes of each field.`;

export function importCodesetCommand(cli: Cli): Command {
  return importEntriesCommand(cli, {
    name: 'codeset',
    description: "register samples of the Codeset platform's JSON; a bad one does not stop the rest",
    examples: EXAMPLES,
    importEntries: (entries, options, place, ownDatasets) =>
      importCodeset(entries, { ...options, ownDatasets }, place),
  });
}
