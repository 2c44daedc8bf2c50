// `npm run -s codeset -- ARGS`: the CLI out of a checkout.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { main, root, run } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';

// npm changes into the checkout; paths on the command line are the caller's.
const cwd = process.env.INIT_CWD ?? process.cwd();
const program = join(root, 'dist', 'src', 'cli', 'main.js');

await main(async () => {
  if (!existsSync(program)) await setUp();
  return run(process.execPath, [program, ...process.argv.slice(2)], { cwd });
});
