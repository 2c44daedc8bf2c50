import { describe, expect, test } from 'vitest';
import { dockerFailed } from '../../../../src/engines/docker/docker-errors.js';

function failed(statusCode: number | undefined, message: string, code?: string) {
  return dockerFailed(Object.assign(new Error(message), { statusCode, code }), 'It failed.', 'unix:///d');
}

describe('what an error of the daemon means', () => {
  test('a full disk is told as one, also where an overlay could not be mounted for it', () => {
    const sentences = [
      'write /store/f: no space left on device',
      'error creating overlay mount to /d/overlay2/a/merged: no space left on device',
      'mount overlay:/d/volumes/w/_data, data: lowerdir=/a: no space left on device',
    ];
    for (const sentence of sentences) expect(failed(500, sentence).reason, sentence).toBe('DISK_FULL');
  });

  test('a kernel that takes no more mounts is no full disk', () => {
    const failure = failed(
      500,
      'mount /sys/fs/cgroup:/d/overlay2/a/merged/cgroup, flags: 0x5000: no space left on device',
    );
    expect(failure.reason).toBe('ENGINE_FAILED');
    expect(failure.message).toContain('fs.mount-max');
  });

  test('a daemon that does not answer, or has lost its containerd, is away', () => {
    expect(failed(undefined, 'connect', 'ECONNREFUSED').reason).toBe('ENGINE_UNAVAILABLE');
    expect(failed(undefined, 'socket hang up').reason).toBe('ENGINE_UNAVAILABLE');
    expect(failed(503, 'starting').reason).toBe('ENGINE_UNAVAILABLE');
    expect(failed(500, 'containerd: connection refused').reason).toBe('ENGINE_UNAVAILABLE');
  });

  test('what fails in a file of ours says nothing of the daemon', () => {
    const ofFile = (code: string) =>
      dockerFailed(
        Object.assign(new Error('it failed'), { code, path: '/run/codeset/f', syscall: 'open' }),
        'It failed.',
        'unix:///d',
      );
    for (const code of ['ENOENT', 'EACCES', 'EPERM']) expect(ofFile(code).reason, code).toBe('ENGINE_FAILED');
  });

  test.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate', /ca\.pem of that daemon/],
    ['CERT_HAS_EXPIRED', 'certificate has expired', /clocks/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'not in the altnames', /another name/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'alert number 116', /put such a cert\.pem/],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'alert number 48', /put such a cert\.pem/],
    ['EPROTO', 'ssl3_get_record:wrong version number', /speaks no TLS/],
  ])('%s is told with what to do about certificates', (code, said, words) => {
    const failure = failed(undefined, said, code);
    expect(failure.reason).toBe('ENGINE_UNAVAILABLE');
    expect(failure.message).toMatch(words);
  });

  test('one whom the daemon’s socket refuses is told who may use it', () => {
    expect(failed(undefined, 'connect', 'EACCES').message).toContain('group "docker"');
  });
});
