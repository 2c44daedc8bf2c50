import { AGENT_UID, AGENT_USER } from '../../../core/environment.js';

export const AGENT_HOME = `/home/${AGENT_USER}`;

/** A user as /etc/passwd tells it. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export function passwdEntries(passwd: string): readonly PasswdEntry[] {
  return passwd.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (name === '' || !/^\d+$/.test(uid)) return [];
    return [{ name, uid: Number(uid), gid: Number(/^\d+$/.test(gid) ? gid : uid) }];
  });
}

/**
 * /etc/passwd with the user `agent` of uid and gid 1000, who owns the workspace. Where uid 1000 is somebody else's
 * (`node`, `ubuntu`), they stay who they are, and `agent` is a second name of the same id. Where the image has an
 * `agent` with another id, ours stands in front of it, and so is who the name means.
 * @returns undefined when nothing has to change
 */
export function withAgentUser(passwd: string, shell: string): string | undefined {
  const has = passwdEntries(passwd).find(({ name }) => name === AGENT_USER);
  if (has?.uid === AGENT_UID) return undefined;
  const line = `${AGENT_USER}:x:${AGENT_UID}:${AGENT_UID}:${AGENT_USER}:${AGENT_HOME}:${shell}\n`;
  return has === undefined ? `${ended(passwd)}${line}` : `${line}${ended(passwd)}`;
}

/**
 * /etc/group with a name for gid 1000.
 * @returns undefined when nothing has to change
 */
export function withAgentGroup(group: string): string | undefined {
  const entries = group.split('\n').map((line) => line.split(':'));
  if (entries.some(([name, , gid]) => name === AGENT_USER || gid === String(AGENT_UID))) return undefined;
  return `${ended(group)}${AGENT_USER}:x:${AGENT_UID}:\n`;
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
