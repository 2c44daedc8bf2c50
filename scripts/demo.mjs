// `npm run demo`: sets up, then shows the main job.
import { main, run } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';

await main(async () => {
  await setUp();
  return run(process.execPath, ['dist/src/demo/main.js', ...process.argv.slice(2)]);
});
