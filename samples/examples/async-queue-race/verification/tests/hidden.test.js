import assert from 'node:assert/strict';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const { JobQueue } = await import(pathToFileURL(`${process.env.SUBJECT_WORKSPACE}/src/job-queue.js`).href);

function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

/** Lets everything that is ready run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Whether a promise has resolved by now. */
async function done(promise) {
  let yes = false;
  promise.then(() => (yes = true));
  await settled();
  return yes;
}

test('gives the value of a job', async () => {
  assert.equal(await new JobQueue({ limit: 3 }).add(async () => 'value'), 'value');
});

test('passes on the error of a job', async () => {
  const queue = new JobQueue();
  await assert.rejects(queue.add(() => Promise.reject(new TypeError('bad'))), TypeError);
  assert.equal(await queue.add(async () => 1), 1);
});

test('idle of an unused queue resolves', async () => {
  await new JobQueue().idle();
});

test('a bad limit is refused', () => {
  for (const limit of [0, -1, 1.5, NaN]) assert.throws(() => new JobQueue({ limit }), RangeError);
});

test('never runs more jobs at once than its limit', async () => {
  const gates = [];
  const queue = new JobQueue({
    limit: 2,
    gate: () => {
      const gate = deferred();
      gates.push(gate);
      return gate.promise;
    },
  });
  const jobs = [];
  let now = 0;
  let most = 0;
  const added = Array.from({ length: 8 }, () =>
    queue.add(async () => {
      now += 1;
      most = Math.max(most, now);
      const job = deferred();
      jobs.push(job);
      await job.promise;
      now -= 1;
    }),
  );
  for (let ended = 0; ended < 8; ended += 1) {
    await settled();
    assert.ok(gates.length <= ended + 2, `${gates.length} jobs took a place when ${ended} had ended`);
    for (const gate of gates) gate.resolve();
    await settled();
    jobs[ended].resolve();
  }
  await Promise.all(added);
  assert.equal(most, 2);
});

test('a limit of one keeps the order of adding', async () => {
  const seen = [];
  const waits = [3, 1, 2];
  const queue = new JobQueue({
    limit: 1,
    gate: async () => {
      for (let turn = waits.shift() ?? 0; turn > 0; turn -= 1) await settled();
    },
  });
  const job = (name) => async () => {
    seen.push(`${name} starts`);
    await settled();
    seen.push(`${name} ends`);
  };
  await Promise.all(['a', 'b', 'c'].map((name) => queue.add(job(name))));
  assert.deepEqual(seen, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
});

test('idle waits for jobs whose gate is still open', async () => {
  const gate = deferred();
  const queue = new JobQueue({ limit: 1, gate: () => gate.promise });
  let ran = false;
  const added = queue.add(async () => (ran = true));
  const idle = queue.idle();
  assert.equal(await done(idle), false);
  gate.resolve();
  await added;
  await idle;
  assert.equal(ran, true);
  assert.equal(await done(queue.idle()), true);
});

test('idle waits for jobs that a job adds', async () => {
  const inner = deferred();
  const queue = new JobQueue({ limit: 2, gate: async () => settled() });
  queue.add(async () => {
    void queue.add(() => inner.promise);
  });
  const idle = queue.idle();
  for (let turn = 0; turn < 5; turn += 1) await settled();
  assert.equal(await done(idle), false);
  inner.resolve();
  await idle;
});

test('a job that throws at once frees its place', async () => {
  const queue = new JobQueue({ limit: 1 });
  const broken = queue.add(() => {
    throw new Error('at once');
  });
  const verdict = await Promise.race([broken.catch((error) => error.message), settled().then(() => 'nothing')]);
  assert.equal(verdict, 'at once');
  assert.equal(await Promise.race([queue.add(() => 'next'), settled().then(() => 'stuck')]), 'next');
  assert.equal(await done(queue.idle()), true);

  const failing = new JobQueue({ limit: 1, gate: () => Promise.reject(new Error('gate')) });
  await assert.rejects(failing.add(async () => 1), /gate/);
  assert.equal(await done(failing.idle()), true);
});
