import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From src/ and, compiled, from dist/src or a folder in dist. */
const PLACES = ['../package.json', '../../package.json', '../../../package.json'];

/** The version of this service, `0.1.0`: that of its package. */
export function serviceVersion(): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error('package.json is missing: install codeset again.');
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string };
  return version;
}
