import type { Grader } from '../core/ports/samples.js';
import { REWARD_FILES } from '../core/sample.js';
import type { Judgement } from './rules.js';

type Reports = Parameters<Grader['grade']>[0]['reports'];

/** A reward is a number, or some with names. */
const MAX_BYTES = 64 * 1024;
const MAX_ENTRIES = 256;
/** `__proto__` is none of them, and so none is lost on its way through a JavaScript object. */
const NAME = /^[A-Za-z0-9][\w .:/-]{0,127}$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The entry of a map that is the reward, where there is one. */
const REWARD = 'reward';

/** The reward can't be taken for one. The message says why, without a full stop. */
class RewardError extends Error {}

interface Reward {
  /** 0–1. */
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}

/**
 * Applies REWARD_FILE: the script's `reward.json` holds a number or a map of numbers, its `reward.txt` a number,
 * as Harbor's do. The score is the number, the map's `reward`, or the mean of a map without it, and lies between 0
 * and 1; 1 passes. What can't be read so has failed, and so has a script that wrote neither. A file that the
 * process of the code under test wrote is none.
 */
export function judgeReward(reports: Reports): Judgement & { readonly scores: Reward['scores'] } {
  try {
    const { score, scores, file } = rewardOf(reports);
    const rule = `REWARD_FILE: ${file} says ${score}, and only 1 passes; the exit status does not count`;
    return { passed: score === 1, score, rule, scores };
  } catch (error) {
    if (!(error instanceof RewardError)) throw error;
    return { passed: false, score: 0, rule: `REWARD_FILE: ${error.message}`, scores: {} };
  }
}

/** Whether a file of the report folder, the script's or the subject's, is no test report but a reward. */
export function isReward(path: string): boolean {
  return REWARD_FILES.includes(path.replace(/^subject-[^/]*\//, ''));
}

function rewardOf(reports: Reports): Reward & { readonly file: string } {
  const written = reports.filter(({ path, bySubject }) => !bySubject && REWARD_FILES.includes(path));
  const rewards = written.map(({ path, content }) => {
    const text = textOf(path, content);
    return { file: path, ...(path.endsWith('.json') ? ofJson(path, text) : ofText(path, text)) };
  });
  const [first, second] = rewards;
  if (first === undefined) {
    const others = reports.some(({ path, bySubject }) => bySubject && isReward(path));
    throw new RewardError(
      `the script wrote neither ${REWARD_FILES.join(' nor ')}${others ? '; what the code under test wrote does not count' : ''}`,
    );
  }
  if (second !== undefined && second.score !== first.score)
    throw new RewardError(`${first.file} says ${first.score}, but ${second.file} says ${second.score}`);
  return first;
}

function textOf(file: string, content: Uint8Array): string {
  if (content.byteLength > MAX_BYTES)
    throw new RewardError(`${file} has ${content.byteLength} bytes, more than the ${MAX_BYTES} allowed`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content).trim();
  } catch {
    throw new RewardError(`${file} is not UTF-8`);
  }
}

function ofText(file: string, text: string): Reward {
  if (!NUMBER.test(text))
    throw new RewardError(`${file} holds ${shown(text)}; expected a number from 0 to 1`);
  return single(file, Number(text));
}

function ofJson(file: string, text: string): Reward {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RewardError(`${file} is not JSON: ${shown(text)}`);
  }
  if (typeof value === 'number') return single(file, value);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RewardError(`${file} holds ${shown(text)}; expected a number or a map of numbers`);
  const entries = Object.entries(value);
  if (entries.length === 0 || entries.length > MAX_ENTRIES)
    throw new RewardError(`${file} has ${entries.length} entries; expected 1 to ${MAX_ENTRIES}`);
  const named = entries.map(([name, entry]): [string, number] => {
    if (!NAME.test(name))
      throw new RewardError(
        `${file} names a reward ${shown(name)}; expected letters, digits, spaces and ".", "_", ":", "/", "-"`,
      );
    if (typeof entry !== 'number' || !Number.isFinite(entry))
      throw new RewardError(`${file} holds ${shown(JSON.stringify(entry))} as ${name}; expected a number`);
    return [name, entry];
  });
  const scores = Object.fromEntries(named);
  const reward = scores[REWARD];
  if (reward !== undefined) return { score: inRange(`${REWARD} in ${file}`, reward), scores };
  const values = named.map(([name, entry]) => inRange(`${name} in ${file}`, entry));
  return { score: values.reduce((sum, entry) => sum + entry, 0) / values.length, scores };
}

function single(file: string, value: number): Reward {
  const score = inRange(file, value);
  return { score, scores: { [REWARD]: score } };
}

function inRange(what: string, value: number): number {
  if (!(value >= 0 && value <= 1))
    throw new RewardError(`${what} is ${value}; expected a number from 0 to 1`);
  // Not -0.
  return value === 0 ? 0 : value;
}

function shown(text: string): string {
  return text === '' ? 'nothing' : JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
