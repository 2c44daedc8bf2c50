// An agent that `codeset eval` starts, in the way of somebody who has only the proto files. It has one argument:
// `fix` does the work of the sample `add`, `once` does it in the first attempt only, `idle` does nothing,
// `refused` also leaves a name that git refuses, `hang` never ends and ignores SIGTERM, `fail` exits 7.
import { readFileSync } from 'node:fs';
import { credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [what] = process.argv.slice(2);
const env = process.env;
const ours = Object.keys(env)
  .filter((name) => name.startsWith('CODESET_'))
  .sort();
console.log(ours.join(' '));
console.log(readFileSync(env.CODESET_TASK_FILE, 'utf8').trim());
if (what === 'hang') {
  process.on('SIGTERM', () => console.log('told to end'));
  setInterval(() => undefined, 1000);
} else if (what === 'fail') {
  process.exitCode = 7;
} else if (what === 'fix' || what === 'refused' || (what === 'once' && env.CODESET_ATTEMPT === '1')) {
  const includeDirs = [new URL('../../../proto', import.meta.url).pathname];
  const definition = loadSync('codeset/v1/session_service.proto', {
    includeDirs,
    keepCase: true,
    enums: String,
  });
  const { SessionService } = loadPackageDefinition(definition).codeset.v1;
  const client = new SessionService(env.CODESET_ADDRESS, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${env.CODESET_API_KEY}`);
  const request = {
    session_id: env.CODESET_SESSION_ID,
    spec: {
      shell_line: `echo fixing; sed -i 's/a - b/a + b/' m.py${what === 'refused' ? '; mkdir .GIT; touch .GIT/config' : ''}`,
    },
  };
  await new Promise((resolve, reject) => {
    client.RunCommand(request, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  await new Promise((resolve) => {
    client.ListSessions({}, metadata, (error) =>
      resolve(console.log(`listing: ${error?.details ?? 'allowed'}`)),
    );
  });
  client.close();
}
