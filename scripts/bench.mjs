// `npm run bench -- NAME [--json]`.
import { main, run } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';

await main(async () => {
  await setUp();
  return run(process.execPath, ['dist/bench/main.js', ...process.argv.slice(2)]);
});
