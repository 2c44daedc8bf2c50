// `node scripts/test-image.mjs`: makes the image of the Docker tests, prints its reference and its archive's path.
import { main } from './lib/process.mjs';
import { TEST_IMAGE, testImageArchive } from './lib/test-image.mjs';

await main(async () => {
  console.log(TEST_IMAGE);
  console.log(await testImageArchive());
});
