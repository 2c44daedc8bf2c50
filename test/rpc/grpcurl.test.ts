import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcurlHere } from '../support/parts-missing.js';
import { startApp, type RunningApp } from '../support/running-app.js';

// The way of those who have no proto file at hand. grpcurl is nothing that the project installs.
const grpcurl = grpcurlHere();

describe.skipIf(grpcurl === undefined)('grpcurl (skipped unless it is installed)', () => {
  let running: RunningApp;
  beforeAll(async () => {
    running = await startApp();
  });
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
  });

  function call(args: readonly string[], input?: string): Promise<string> {
    const key = ['-H', `authorization: Bearer ${running.adminKey}`];
    const flags = input === undefined ? [] : ['-d', '@'];
    const child = spawn(grpcurl ?? '', ['-plaintext', ...key, ...flags, ...args]);
    let text = '';
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    child.stderr.on('data', (data: Buffer) => (text += data.toString()));
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve(text));
    });
  }

  it('lists, describes and asks for health', async () => {
    expect((await call([running.app.address, 'list'])).trim().split('\n')).toEqual([
      'codeset.v1.SampleService',
      'codeset.v1.SessionService',
      'codeset.v1.VerificationService',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
    expect(await call([running.app.address, 'describe', 'codeset.v1.SessionService'])).toContain(
      'rpc Exec ( stream .codeset.v1.ExecRequest ) returns ( stream .codeset.v1.ExecResponse );',
    );
    expect(await call([running.app.address, 'grpc.health.v1.Health/Check'])).toContain('SERVING');
  });

  it('creates a session and runs a command both ways', async () => {
    const service = 'codeset.v1.SessionService';
    const made = await call(
      [running.app.address, `${service}/CreateSession`],
      '{"environment": {"host": {"requires": ["sh"]}}}',
    );
    const { session } = JSON.parse(made) as { session: { sessionId: string; state: string } };
    expect(session.state).toBe('SESSION_STATE_READY');
    const spec = { argv: { args: ['tr', 'a-z', 'A-Z'] }, stdin: true };
    const frames = [
      { start: { sessionId: session.sessionId, spec } },
      { stdin: { data: Buffer.from('hello').toString('base64') } },
      { endOfInput: {} },
    ];
    const answer = await call(
      [running.app.address, `${service}/Exec`],
      frames.map((frame) => JSON.stringify(frame)).join('\n'),
    );
    expect(answer).toContain(Buffer.from('HELLO').toString('base64'));
    expect(answer).toContain('"exited"');
  });

  it('shows the reason and the fields of a refusal', async () => {
    const told = await call([running.app.address, 'codeset.v1.SessionService/CreateSession'], '{}');
    expect(told).toContain('InvalidArgument');
    expect(told).toContain('INVALID_FIELD');
    expect(told).toContain('source');
  });
});
