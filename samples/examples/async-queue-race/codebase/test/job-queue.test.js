import assert from 'node:assert/strict';
import test from 'node:test';
import { JobQueue } from '../src/job-queue.js';

test('a job gives its value', async () => {
  const queue = new JobQueue();
  assert.equal(await queue.add(async () => 7), 7);
});

test('a failing job fails its own add', async () => {
  const queue = new JobQueue();
  await assert.rejects(
    queue.add(async () => {
      throw new Error('no');
    }),
    /no/,
  );
  assert.equal(await queue.add(async () => 'next'), 'next');
});
