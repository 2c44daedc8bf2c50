import path from 'node:path';
import { parse as parseYaml, stringify } from 'yaml';
import { IMAGE_WORKDIR, WORKSPACE, type NetworkMode } from '../../core/environment.js';
import { CodesetError } from '../../core/errors.js';
import { ID_PATTERN, parseManifest } from '../manifest.js';
import type { MemoryFile } from '../pack.js';
import { harborSolution, harborVerification } from './harbor-scripts.js';
import { HarborSettings } from './harbor-settings.js';
import { ImportError } from './import-error.js';
import { TaskFolder } from './task-folder.js';

export interface HarborOptions {
  readonly dataset: string;
  /** In place of what tasks say of it. */
  readonly network?: NetworkMode;
}

export interface HarborSample {
  readonly sampleId: string;
  /** The sample's folder, ready for `packFiles`. */
  readonly files: readonly MemoryFile[];
  /** Names of settings, and of files, of which nothing was made. */
  readonly unmapped: readonly string[];
}

/** What both layouts come down to. */
interface Task {
  readonly name: string;
  readonly description: string;
  readonly instruction: string;
  readonly settings: HarborSettings;
  readonly settingsFile: 'task.toml' | 'task.yaml';
  readonly tags: readonly string[];
  /** What the Dockerfile is built in. */
  readonly context: readonly MemoryFile[];
  readonly tests: readonly MemoryFile[];
  readonly testFile: string;
  readonly byExit: boolean;
  readonly timeoutSec: number;
  readonly solution: readonly MemoryFile[];
  readonly solutionFile: string;
  readonly unmapped: readonly string[];
}

/** As Harbor's own, of a task that says nothing. */
const DEFAULTS = { verifierSec: 600, cpus: 1, memoryMb: 2048, storageMb: 10_240 } as const;
/** What a task may start is not said in its settings. */
const PROCESSES = 1024;
const COMPOSE_FILES = ['docker-compose.yaml', 'docker-compose.yml'];

/**
 * Makes a sample of one task folder: Harbor's (`task.toml`), or Terminal-Bench's before it (`task.yaml`).
 * @throws {ImportError}
 */
export async function importHarbor(folder: string, options: HarborOptions): Promise<HarborSample> {
  const files = await TaskFolder.read(folder);
  const task = files.has('task.toml') ? harborTask(files, folder) : terminalBenchTask(files, folder);
  const { settings } = task;
  const sampleId = task.name.toLowerCase();
  if (!ID_PATTERN.test(sampleId))
    throw new ImportError(
      `its name ${JSON.stringify(task.name)} has characters that a sample id can not have`,
    );
  const recipe = recipeOf(task);
  const manifest = stringify(manifestOf(task, recipe, sampleId, options), { lineWidth: 110 });
  const verifierEnv = settings.variables('verifier.env');
  const solutionEnv = settings.variables('solution.env');
  try {
    // What the server would refuse is told here, as a problem of this task.
    parseManifest(manifest);
  } catch (error) {
    if (!(error instanceof CodesetError)) throw error;
    throw new ImportError(error.message, { cause: error });
  }
  const below = (prefix: string, inner: readonly MemoryFile[]): MemoryFile[] =>
    inner.map((file) => ({ ...file, path: `${prefix}/${file.path}` }));
  const verification = harborVerification({ env: verifierEnv, file: task.testFile }, task.byExit);
  return {
    sampleId,
    files: [
      { path: 'sample.yaml', content: manifest },
      { path: 'task.md', content: `${task.instruction.trim()}\n` },
      // The task is in the image; the workspace is empty.
      { path: 'codebase/', content: '' },
      ...below(
        'environment',
        task.context.map((file) =>
          isRecipe(file) && recipe.isChanged ? { ...file, content: recipe.text } : file,
        ),
      ),
      // As they came, for who exports it again.
      { path: `verification/${task.settingsFile}`, content: files.text(task.settingsFile) },
      ...(recipe.isChanged ? [{ path: 'verification/Dockerfile', content: recipe.original }] : []),
      { path: 'verification/run', content: verification, executable: true },
      ...below('verification/tests', task.tests),
      ...(task.solution.length === 0
        ? []
        : [
            {
              path: 'solution/apply',
              content: harborSolution({ env: solutionEnv, file: task.solutionFile }),
              executable: true,
            },
            ...below('solution/files', task.solution),
          ]),
    ],
    unmapped: [...settings.unread(), ...task.unmapped],
  };
}

/** Folders that Harbor makes as root, for whom the task's user can not. */
const FOR_USERS =
  'mkdir -p /logs/agent /logs/verifier /logs/artifacts /solution && chmod 777 /logs /logs/* /solution';
/** What the image has where a sandbox has its workspace: kept elsewhere, and put back when the sample is prepared. */
const KEPT_WORKSPACE = '/opt/codeset-image-workspace';

function isRecipe(file: MemoryFile): boolean {
  return file.path === 'Dockerfile';
}

interface Recipe {
  readonly original: string;
  readonly text: string;
  readonly isChanged: boolean;
}

/** The Dockerfile, which keeps what it has in the workspace's place; '' without one. */
function recipeOf(task: Task): Recipe {
  const original = String(task.context.find(isRecipe)?.content ?? '');
  const isChanged = new RegExp(`${WORKSPACE}\\b`).test(original);
  const lines = `USER root\nRUN mkdir -p ${WORKSPACE} && cp -a ${WORKSPACE} ${KEPT_WORKSPACE}\n`;
  return { original, text: isChanged ? `${original.replace(/\n*$/, '')}\n${lines}` : original, isChanged };
}

function harborTask(files: TaskFolder, folder: string): Task {
  const settings = HarborSettings.ofToml(files.text('task.toml'), 'task.toml');
  refuse(settings);
  for (const key of ['version', 'schema_version']) settings.get(key);
  const context = files.below('environment');
  const compose = composeOf(files, 'environment');
  const named = settings.text('task.name');
  const instruction = files.text('instruction.md');
  if (!files.has('tests/test.sh')) throw new ImportError('has no tests/test.sh');
  const solved = files.has('solution/solve.sh');
  const known = /^(?:task\.toml|instruction\.md|README\.md|(?:environment|tests|solution)\/.*)$/s;
  return {
    name: named === '' ? path.basename(path.resolve(folder)) : (named.split('/').at(-1) ?? ''),
    description: settings.text('task.description'),
    instruction,
    settings,
    settingsFile: 'task.toml',
    tags: [
      ...settings.texts('task.keywords'),
      ...settings.texts('metadata.tags'),
      ...['metadata.difficulty', 'metadata.category'].map((key) => settings.text(key)),
    ],
    context: context.filter((file) => !COMPOSE_FILES.includes(file.path)),
    tests: files.below('tests'),
    testFile: 'test.sh',
    byExit: false,
    timeoutSec: settings.number('verifier.timeout_sec') ?? DEFAULTS.verifierSec,
    solution: solved ? files.below('solution') : [],
    solutionFile: 'solve.sh',
    unmapped: [...compose, ...files.below('').flatMap((file) => (known.test(file.path) ? [] : [file.path]))],
  };
}

/** The layout before Harbor: everything beside the tests and the solution is the Dockerfile's context. */
function terminalBenchTask(files: TaskFolder, folder: string): Task {
  if (!files.has('task.yaml'))
    throw new ImportError('has neither task.toml (Harbor) nor task.yaml (Terminal-Bench)');
  const settings = HarborSettings.ofYaml(files.text('task.yaml'), 'task.yaml');
  const compose = composeOf(files, '');
  if (!files.has('run-tests.sh')) throw new ImportError('has no run-tests.sh');
  const own = /^(?:task\.yaml|run-tests\.sh|docker-compose\.ya?ml|solution\.(?:sh|yaml)|tests\/.*)$/s;
  const solved = files.has('solution.sh');
  return {
    name: path.basename(path.resolve(folder)),
    description: '',
    instruction: settings.text('instruction'),
    settings,
    settingsFile: 'task.yaml',
    tags: [...settings.texts('tags'), settings.text('difficulty'), settings.text('category')],
    context: files.below('').filter((file) => !own.test(file.path)),
    tests: [
      ...files.below('tests').filter((file) => file.path !== 'run-tests.sh'),
      { path: 'run-tests.sh', content: files.text('run-tests.sh'), executable: true },
    ],
    testFile: 'run-tests.sh',
    byExit: true,
    timeoutSec: settings.number('max_test_timeout_sec') ?? DEFAULTS.verifierSec,
    solution: solved ? [{ path: 'solution.sh', content: files.text('solution.sh'), executable: true }] : [],
    solutionFile: 'solution.sh',
    unmapped: [...compose, ...(files.has('solution.yaml') && !solved ? ['solution.yaml'] : [])],
  };
}

/** What would make of the task another one, were it left out. @throws {ImportError} */
function refuse(settings: HarborSettings): void {
  if (settings.get('steps') !== undefined)
    throw new ImportError('has steps; a sample has one task and one verification');
  const os = settings.text('environment.os').toLowerCase();
  if (os !== '' && os !== 'linux') throw new ImportError(`environment.os is ${os}; sandboxes are Linux`);
  if ((settings.number('environment.gpus') ?? 0) > 0)
    throw new ImportError('environment.gpus asks for a GPU, which sandboxes have none of');
  if (settings.get('environment.tpu.type') !== undefined)
    throw new ImportError('environment.tpu asks for a TPU, which sandboxes have none of');
  // Here it always is.
  if (['root', 0].includes(settings.peek('verifier.user') as string | number)) settings.get('verifier.user');
  const mode = settings.text('verifier.environment_mode');
  if (mode !== '' && mode !== 'shared')
    throw new ImportError(
      `verifier.environment_mode is ${mode}; tests run in the task's own environment here`,
    );
}

/** @returns what its one service says that is left out. @throws {ImportError} for several */
function composeOf(files: TaskFolder, folder: string): string[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  const file = COMPOSE_FILES.map((name) => prefix + name).find((name) => files.has(name));
  if (file === undefined) return [];
  let services: Readonly<Record<string, unknown>>;
  try {
    services = ((parseYaml(files.text(file)) as { services?: unknown } | null)?.services ??
      {}) as typeof services;
  } catch (cause) {
    throw new ImportError(`${file} is no YAML`, { cause });
  }
  const names = Object.keys(services);
  if (names.length > 1)
    throw new ImportError(`${file} has the services ${names.join(', ')}; a sample has one container`);
  // What every task of Terminal-Bench has.
  const usual = /^(?:build|image|container_name|command|environment|volumes|deploy)$/;
  return names.flatMap((name) =>
    Object.keys((services[name] ?? {}) as object).flatMap((key) =>
      usual.test(key) ? [] : [`${file}: ${name}.${key}`],
    ),
  );
}

function manifestOf(
  task: Task,
  built: Recipe,
  sampleId: string,
  { dataset, network: forced }: HarborOptions,
): object {
  const { settings } = task;
  const [firstLine = ''] = task.instruction.trim().split(/\r?\n/, 1);
  const description = (task.description.split(/\r?\n/, 1)[0] || firstLine).slice(0, 200);
  const image = settings.text('environment.docker_image');
  if (image === '' && built.original === '')
    throw new ImportError('has neither a Dockerfile nor environment.docker_image');
  const recipe = image === '' ? built.original : '';
  const hasWorkspace = image === '' && built.isChanged;
  const network = forced ?? networkOf(settings, 'environment') ?? 'public';
  if (forced !== undefined) networkOf(settings, 'verifier', forced);
  const workdir = settings.text('environment.workdir');
  const user = userOf(settings, recipe);
  const env = settings.variables('environment.env');
  return {
    sample_id: sampleId,
    dataset,
    description,
    tags: tagsOf(['harbor', ...task.tags]),
    environment: {
      ...(image === '' ? { dockerfile: 'environment/Dockerfile', context: 'environment' } : { image }),
      // A build without RUN needs none.
      setup_network: /^\s*(?:RUN|ADD)\s/im.test(recipe) ? 'public' : 'none',
      ...(user === 'root' ? {} : { setup: [FOR_USERS] }),
      ...(hasWorkspace
        ? {
            prepare: [
              `if [ -e ${KEPT_WORKSPACE}/.git ]; then rm -rf ${WORKSPACE}/.git; fi; cp -a ${KEPT_WORKSPACE}/. ${WORKSPACE}/`,
            ],
          }
        : {}),
      network,
      ...(Object.keys(env).length === 0 ? {} : { env }),
      workdir: workdir === '' ? IMAGE_WORKDIR : workdir,
      user,
    },
    resources: {
      cpus: Math.max(0.1, settings.number('environment.cpus') ?? DEFAULTS.cpus),
      memory: mebibytes(settings, 'memory', DEFAULTS.memoryMb),
      processes: PROCESSES,
      disk: mebibytes(settings, 'storage', DEFAULTS.storageMb),
    },
    verification: {
      command: ['verification/run'],
      timeout: `${Math.max(1, Math.ceil(task.timeoutSec))}s`,
      scope: 'filesystem',
      grading: 'reward_file',
      // All that an agent changes is judged, as with Harbor.
      ...(hasWorkspace ? { hardening: { keep: ['**'] } } : {}),
      network: forced ?? networkOf(settings, 'verifier') ?? network,
    },
  };
}

/** Undefined where nothing is said. @param instead what is asked for in place of it @throws {ImportError} */
function networkOf(
  settings: HarborSettings,
  section: string,
  instead?: NetworkMode,
): NetworkMode | undefined {
  const mode = settings.text(`${section}.network_mode`);
  const allowed = settings.get(`${section}.allow_internet`);
  if (instead !== undefined) {
    settings.get(`${section}.allowed_hosts`);
    return instead;
  }
  if (mode === 'public') return 'public';
  if (mode === 'no-network') return 'none';
  if (mode !== '')
    throw new ImportError(
      `${section}.network_mode is ${mode}, which there is none of; say --network none or public`,
    );
  return typeof allowed === 'boolean' ? (allowed ? 'public' : 'none') : undefined;
}

/** Whom agents are: as the task says, else as the Dockerfile ends. */
function userOf(settings: HarborSettings, recipe: string): string {
  const said = settings.get('agent.user');
  if (said === 0) return 'root';
  const user = typeof said === 'string' ? said : [...recipe.matchAll(/^\s*USER\s+([^\s:]+)/gim)].at(-1)?.[1];
  if (typeof said === 'number') throw new ImportError(`agent.user is the number ${said}; name the user`);
  return user === undefined || user === '0' ? 'root' : user;
}

/** `memory_mb: 2048`, or `memory: '2G'` as it was before. @throws {ImportError} */
function mebibytes(settings: HarborSettings, name: 'memory' | 'storage', fallback: number): string {
  const before = settings.text(`environment.${name}`);
  const amount = settings.number(`environment.${name}_mb`);
  if (amount !== undefined) return `${Math.max(16, Math.ceil(amount))}MiB`;
  if (before === '') return `${fallback}MiB`;
  const match = /^(\d+(?:\.\d+)?)\s*([KMG])(?:i?B)?$/i.exec(before.trim());
  const factor = { K: 1 / 1024, M: 1, G: 1024 }[(match?.[2] ?? '').toUpperCase() as 'K' | 'M' | 'G'];
  if (match === null || factor === undefined)
    throw new ImportError(`environment.${name} is no size such as 2G`);
  return `${Math.max(16, Math.ceil(Number(match[1]) * factor))}MiB`;
}

function tagsOf(words: readonly string[]): string[] {
  const tags = words.map((word) =>
    word
      .trim()
      .replace(/[^\w.+#:-]+/g, '-')
      .slice(0, 64),
  );
  return [...new Set(tags)].filter((tag) => tag !== '' && tag !== '-').slice(0, 64);
}
