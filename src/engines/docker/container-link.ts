import { LABEL, type Names } from './names.js';
import type { Link, LinkSettings } from './parts.js';

const MODES: readonly Link['mode'][] = ['socket', 'attach', 'exec'];

/** How a container is reached: for all of its life as it was made, whatever the settings are by now. */
export interface ContainerLink {
  readonly mode: Link['mode'];
  /** Of mode `socket`: its folder on the service's machine. Undefined where that is as always. */
  readonly socketFolder: string | undefined;
}

/** What tells a later life of the service. Both are always there, so that an image's labels of these names count for nothing. */
export function linkLabels(mode: Link['mode'], settings: LinkSettings): Readonly<Record<string, string>> {
  return { [LABEL.link]: mode, [LABEL.linkFolder]: settings.socketFolder ?? '' };
}

/** @param command the words of its entrypoint: a container from before there were labels is told by them */
export function linkOf(
  names: Names,
  sandboxId: string,
  labels: Readonly<Record<string, string>>,
  command: string,
): ContainerLink {
  const folder = labels[LABEL.linkFolder];
  return {
    mode: MODES.find((mode) => mode === labels[LABEL.link]) ?? modeOf(command),
    socketFolder: folder !== undefined && names.isSocketFolder(sandboxId, folder) ? folder : undefined,
  };
}

function modeOf(command: string): Link['mode'] {
  if (/ --listen( |$)/.test(command)) return 'socket';
  return / --attach( |$)/.test(command) ? 'attach' : 'exec';
}
