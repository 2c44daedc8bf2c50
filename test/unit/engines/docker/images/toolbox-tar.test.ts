import { expect, test } from 'vitest';
import { toolboxTar } from '../../../../../src/engines/docker/images/toolbox-tar.js';
import { tempFolder } from '../../../../support/temp-folder.js';

test('the same machine gives the same bytes', async () => {
  expect((await toolboxTar()).equals(await toolboxTar())).toBe(true);
});

test('a machine without the tools is told what to install, or to set', async () => {
  await using folder = await tempFolder();
  await expect(toolboxTar([folder.path])).rejects.toMatchObject({
    reason: 'ENVIRONMENT_UNMET',
    message: expect.stringMatching(/lacks cp, find, git[\s\S]*toolbox_image/),
  });
});
