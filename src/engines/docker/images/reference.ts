import { type CodesetError, failedPrecondition } from '../../../core/errors.js';

/** An image's name as Docker reads it, with what it leaves out filled in. */
export interface ImageReference {
  /** `docker.io`, `ghcr.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/python`. */
  readonly path: string;
  /** Undefined only where a digest is given. */
  readonly tag: string | undefined;
  /** `sha256:…`. */
  readonly digest: string | undefined;
}

export const DOCKER_HUB = 'docker.io';

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAX_NAME = 255;

/** Whether it is an image's own id (`sha256:…`), which no registry knows. */
export function isImageId(text: string): boolean {
  return DIGEST.test(text);
}

/** @throws {CodesetError} ENVIRONMENT_UNMET with what is wrong with it */
export function parseReference(text: string): ImageReference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !DIGEST.test(digest))
    throw wrong(text, 'after "@" comes a digest, "sha256:" and 64 digits of 0-9 and a-f');
  const named = at < 0 ? text : text.slice(0, at);
  // A colon before the last slash belongs to a port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag))
    throw wrong(text, 'the tag behind ":" is at most 128 letters, digits, "_", "." and "-"');
  const name = colon < 0 ? named : named.slice(0, colon);
  if (name === '') throw wrong(text, 'it has no name');
  if (/^[0-9a-f]{64}$/.test(name)) throw wrong(text, 'for an image by its id write "sha256:" in front');

  const { domain, path } = splitDomain(name);
  if (!DOMAIN.test(domain)) throw wrong(text, `"${domain}" is no name of a registry`);
  if (/[A-Z]/.test(path)) throw wrong(text, 'names of images are in lower case');
  const component = path.split('/').find((part) => !COMPONENT.test(part));
  if (component !== undefined) {
    throw wrong(
      text,
      component === ''
        ? 'there is nothing between two slashes'
        : `"${component}" is no part of a name: small letters and digits, with ".", "_" or "-" between them`,
    );
  }
  if (domain.length + 1 + path.length > MAX_NAME)
    throw wrong(text, `it is longer than ${MAX_NAME} characters`);
  return { domain, path, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isDomain = slash >= 0 && (/[.:A-Z]/.test(first) || first === 'localhost');
  const domain = isDomain ? first.replace(/^index\.docker\.io$/, DOCKER_HUB) : DOCKER_HUB;
  const rest = isDomain ? name.slice(slash + 1) : name;
  return { domain, path: domain === DOCKER_HUB && !rest.includes('/') ? `library/${rest}` : rest };
}

/** Without tag and digest, in full: `docker.io/library/python`. */
export function repositoryOf(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** In full; two names of the same image at the same place are the same here. */
export function canonicalName(reference: ImageReference): string {
  return `${repositoryOf(reference)}${suffixOf(reference)}`;
}

/** As people write it: `python:3.12`. */
export function familiarName(reference: ImageReference): string {
  return `${familiarRepository(reference)}${suffixOf(reference)}`;
}

/** `python`, as it stands in an image's RepoTags and RepoDigests. */
export function familiarRepository({ domain, path }: ImageReference): string {
  if (domain !== DOCKER_HUB) return `${domain}/${path}`;
  return path.replace(/^library\/(?=[^/]+$)/, '');
}

function suffixOf({ tag, digest }: ImageReference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function wrong(text: string, what: string): CodesetError {
  return failedPrecondition(
    'ENVIRONMENT_UNMET',
    `${JSON.stringify(text.slice(0, 300))} is no name of an image: ${what}. Write NAME[:TAG][@sha256:DIGEST].`,
  );
}
