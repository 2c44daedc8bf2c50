// `npm run build`: packages, init and dist/.
import { main } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';

await main(() => setUp());
