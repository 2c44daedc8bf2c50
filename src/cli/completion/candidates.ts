import type { Argument, Command, Option } from 'commander';

/** What may stand where the cursor is. */
export interface Candidate {
  readonly word: string;
  /** A few words for people; may be empty. */
  readonly description: string;
}

/** What only the server knows. */
export type Known = 'session' | 'sample' | 'snapshot' | 'verification' | 'dataset';

export interface Expected {
  readonly candidates: readonly Candidate[];
  /** What the server's own of this kind may stand there, too. */
  readonly known?: Known;
}

const NOTHING: Expected = { candidates: [] };

/**
 * What fits behind the words that are there. Nothing means: a file, or what the command itself knows.
 * @param words behind the program's name; the last is the one that is being written, maybe empty
 */
export function expectedAt(root: Command, words: readonly string[]): Expected {
  let command = root;
  let positional = 0;
  let valueOf: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (valueOf !== undefined) {
      valueOf = undefined;
    } else if (word === '--') {
      // What follows is the session's, a program of its own.
      return NOTHING;
    } else if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ short, long }) => word === short || word === long);
      if (option !== undefined && takesValue(option)) valueOf = option;
    } else {
      const next = positional === 0 ? command.commands.find((one) => isNamed(one, word)) : undefined;
      if (next === undefined) positional++;
      else command = next;
    }
  }
  const last = words.at(-1) ?? '';
  if (valueOf !== undefined) return valuesOf(valueOf);
  if (last.startsWith('-')) return { candidates: optionsOf(command).flatMap(namesOf) };
  const known = knownOf(command, positional);
  const subcommands = positional === 0 ? command.commands.filter((one) => !isHidden(one)) : [];
  return {
    candidates: subcommands.map((one) => ({ word: one.name(), description: one.description() })),
    ...(known === undefined ? {} : { known }),
  };
}

function valuesOf(option: Option): Expected {
  if (option.argChoices !== undefined)
    return { candidates: option.argChoices.map((word) => ({ word, description: '' })) };
  if (option.long === '--sample') return { candidates: [], known: 'sample' };
  if (option.long === '--dataset') return { candidates: [], known: 'dataset' };
  return option.long === '--snapshot' ? { candidates: [], known: 'snapshot' } : NOTHING;
}

function knownOf(command: Command, positional: number): Known | undefined {
  const all: readonly Argument[] = command.registeredArguments;
  const last = all.at(-1);
  const argument = all[positional] ?? (last?.variadic === true ? last : undefined);
  const name = argument?.name() ?? '';
  if (name.startsWith('SESSION')) return 'session';
  if (name === 'SNAPSHOT') return 'snapshot';
  if (name === 'VERIFICATION') return 'verification';
  return name === 'SAMPLE_ID' ||
    (name === 'ID' && ['sample', 'export'].includes(command.parent?.name() ?? ''))
    ? 'sample'
    : undefined;
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function namesOf({ long, description }: Option): readonly Candidate[] {
  return long == null ? [] : [{ word: long, description }];
}

const takesValue = ({ required, optional }: Option): boolean => required || optional;

const isNamed = (command: Command, word: string): boolean =>
  command.name() === word || command.aliases().includes(word);

function isHidden(command: Command): boolean {
  return command.parent?.createHelp().visibleCommands(command.parent).includes(command) !== true;
}
