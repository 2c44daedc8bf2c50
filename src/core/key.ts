export type Role = 'ADMIN' | 'RUNNER' | 'AGENT';

/** A stored credential. The secret itself is never stored, only its SHA-256. */
export interface Key {
  readonly keyId: string;
  readonly role: Role;
  readonly name: string;
  /** SHA-256 (hex) of the secret. */
  readonly secretHash: string;
  /** For AGENT: the one session it is good for. */
  readonly sessionId: string | undefined;
  readonly createTime: Date;
  readonly revokeTime: Date | undefined;
}

/** Who calls. */
export interface Principal {
  readonly role: Role;
  readonly keyId: string;
  /** Set for AGENT. */
  readonly sessionId: string | undefined;
}
