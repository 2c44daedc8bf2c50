import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { EngineUnderTest, type EngineContext } from './engine-under-test.js';
import { isolationContract } from './isolation.js';
import { layersContract } from './layers.js';
import { lifetimeContract } from './lifetime.js';
import { limitsContract } from './limits.js';
import { snapshotsContract } from './snapshots.js';

/** What every engine must hold. Where engines may differ, what is expected follows from what the engine declares. */
export function engineContract(name: string, setUp: () => Promise<EngineContext>, openMs?: number): void {
  describe(`${name}: every engine`, () => {
    const under = new EngineUnderTest();
    beforeAll(async () => under.open(await setUp()), openMs);
    afterEach(() => under.clear());
    afterAll(() => under.close());

    isolationContract(under);
    limitsContract(under);
    layersContract(under);
    snapshotsContract(under);
    lifetimeContract(under);
  });
}
