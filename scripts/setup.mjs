// Set-up alone, for those who want it before anything else: `node scripts/setup.mjs`.
import { main } from './lib/process.mjs';
import { setUp } from './lib/setup.mjs';

await main(() => setUp());
