import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One that signs certificates, with openssl, in a folder that has its `ca.pem`. */
export class Authority {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(folder: string): Promise<Authority> {
    await mkdir(folder, { recursive: true });
    await openssl(
      folder,
      'req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca',
    );
    return new Authority(folder);
  }

  /** Writes `NAME.pem` and `NAME-key.pem`. @param extensions as openssl has them: `subjectAltName=IP:127.0.0.1` */
  async issue(name: string, extensions: readonly string[]): Promise<void> {
    await writeFile(join(this.folder, `${name}.ext`), extensions.join('\n'));
    await openssl(
      this.folder,
      `req -newkey rsa:2048 -nodes -keyout ${name}-key.pem -out ${name}.csr -subj /CN=${name}`,
    );
    await openssl(
      this.folder,
      `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out ${name}.pem -days 2 -extfile ${name}.ext`,
    );
  }
}

async function openssl(folder: string, words: string): Promise<void> {
  await run('openssl', words.split(' '), { cwd: folder });
}
