// `npm run gen`: makes gen/ again from proto/.
import { setUp } from './lib/setup.mjs';
import { main, run } from './lib/process.mjs';

await main(async () => {
  await setUp({ build: false });
  return run('sh', ['scripts/gen.sh']);
});
