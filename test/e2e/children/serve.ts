import { App } from '../../../src/app.js';
import { loadServerConfig } from '../../../src/config.js';

// A service that a test kills: prints its address and serves until then.
const [dataDir = '', runDir = '', more = '{}'] = process.argv.slice(2);
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };
const flags = { dataDir, runDir, listen: '127.0.0.1:0', ...(JSON.parse(more) as Record<string, string>) };
const app = await App.start(loadServerConfig({ flags, env: {} }), log);
console.log(app.address);
