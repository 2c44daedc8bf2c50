import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  DOCKER_START_MS,
  TEST_IMAGE,
  mountsBelow,
  processesNaming,
  sharedDocker,
  startDockerd,
} from '../../support/docker.js';

test(
  'the tests of a run share one Docker, and it has the test image',
  { timeout: DOCKER_START_MS },
  async () => {
    const [first, second] = await Promise.all([sharedDocker(), sharedDocker()]);
    expect(second.host).toBe(first.host);
    expect((await first.api.getImage(TEST_IMAGE).inspect()).Os).toBe('linux');
  },
);

test(
  'a daemon of a test’s own is killed and started again; containers go on with live-restore; nothing is left of it',
  { timeout: DOCKER_START_MS },
  async () => {
    let dataRoot;
    let folder;
    {
      await using daemon = await startDockerd({ liveRestore: true, ownNetwork: true });
      ({ dataRoot } = daemon);
      folder = daemon.socketPath.replace(/\/docker\.sock$/, '');
      const container = await daemon.api.createContainer({
        Image: TEST_IMAGE,
        Cmd: ['sleep', '100000'],
        HostConfig: { NetworkMode: 'none' },
      });
      await container.start();
      const { Pid } = (await container.inspect()).State;
      await daemon.kill();
      expect(existsSync(`/proc/${Pid}`)).toBe(true);
      await daemon.start();
      expect((await container.inspect()).State).toMatchObject({ Running: true, Pid });
      const network = await daemon.api.createNetwork({ Name: 'own', Driver: 'bridge' });
      expect((await network.inspect()).Driver).toBe('bridge');
      await daemon.kill();
    }
    expect(existsSync(folder)).toBe(false);
    expect(await processesNaming(dataRoot)).toEqual([]);
    expect(await processesNaming(folder)).toEqual([]);
    expect(await mountsBelow(dataRoot)).toEqual([]);
  },
);
