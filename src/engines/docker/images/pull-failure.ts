import { CodesetError, failedPrecondition } from '../../../core/errors.js';
import { diskFull } from '../../shared/disk-full.js';
import { DOCKER_HUB, familiarName, type ImageReference } from './reference.js';

/** What a refused pull means. */
export interface PullFailure {
  readonly error: CodesetError;
  /** The next try may go better. */
  readonly passes: boolean;
}

const MINUTE = 60_000;

/**
 * Reads what Docker says of a pull that failed. The words are a registry's or Docker's own, and the status of the
 * answer says little: a pull that has begun fails inside of a 200.
 * @param said Docker's words
 */
export function pullFailure(reference: ImageReference, said: string): PullFailure {
  const name = familiarName(reference);
  const login = reference.domain === DOCKER_HUB ? 'docker login' : `docker login ${reference.domain}`;
  const place = reference.domain === DOCKER_HUB ? 'Docker Hub' : reference.domain;
  const words = said.trim().slice(0, 300);
  const unmet = (sentence: string): PullFailure => ({
    error: failedPrecondition('ENVIRONMENT_UNMET', sentence, { metadata: { image: name }, cause: said }),
    passes: false,
  });
  const later = (sentence: string, retryAfterMs: number): PullFailure => ({
    error: new CodesetError('unavailable', 'ENGINE_FAILED', sentence, {
      metadata: { image: name },
      retryAfterMs,
      cause: said,
    }),
    passes: true,
  });

  if (/no space left on device|disk quota exceeded/i.test(said)) return { error: diskFull(), passes: false };
  if (/toomanyrequests|too many requests|rate limit/i.test(said)) {
    return later(
      `${place} allows no more pulls for now (too many requests), so the image ${name} did not come: wait, or run \`${login}\` as the user of this service for a higher limit. It said: ${words}`,
      10 * MINUTE,
    );
  }
  if (
    /no matching manifest|no match for platform|does not match the (specified|expected) platform/i.test(said)
  ) {
    return unmet(
      `The image ${name} is not made for this Docker's kind of machine: name an image for its architecture. Docker said: ${words}`,
    );
  }
  if (
    /manifest unknown|manifest for .* not found|manifest invalid|name unknown|not found: does not exist/i.test(
      said,
    )
  ) {
    return unmet(
      `There is no image ${name} at ${place}: check its name and tag in the sample's environment.`,
    );
  }
  if (
    /pull access denied|access to the resource is denied|unauthorized|authentication required|no basic auth|forbidden|insufficient_scope|incorrect username|(?:^|[:-] *)denied\b/i.test(
      said,
    )
  ) {
    return unmet(
      `The image ${name} may not be pulled: there is none of this name at ${place}, or it is private. Check the name, or run \`${login}\` as the user of this service.`,
    );
  }
  if (/x509|certificate|server gave HTTP response to HTTPS client/i.test(said)) {
    return unmet(
      `Docker does not trust ${place}, so the image ${name} can't be pulled: give Docker the registry's certificate, or list it as insecure in Docker's configuration. Docker said: ${words}`,
    );
  }
  if (/not found|no such image|invalid reference/i.test(said)) {
    return unmet(`There is no image ${name} at ${place}. Docker said: ${words}`);
  }
  return later(
    `The image ${name} could not be pulled, since Docker does not reach ${place} or got no good answer: check the network and try again. Docker said: ${words}`,
    MINUTE,
  );
}
