/** How request ids of an audit's sessions and verifications begin. A slash is in no request id of a client's. */
export const BY_AUDIT = 'audit/';

/** The label of an audit's sessions, by which lists can find them. */
export const AUDIT_LABEL = 'codeset-audit';

/** The request id of the session, or of the verification, of one try. */
export function attemptRequestId(auditId: string, number: number): string {
  return `${BY_AUDIT}${auditId}/${number}`;
}

/** Whether an audit made it: it is of no use once that call is gone. */
export function madeByAudit({ requestId }: { readonly requestId: string | undefined }): boolean {
  return requestId?.startsWith(BY_AUDIT) === true;
}
