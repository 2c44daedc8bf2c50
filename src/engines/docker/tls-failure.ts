/** Of a certificate that no authority we were told of has signed. */
const UNSIGNED =
  /^(DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_(SIGNATURE|UNTRUSTED))/;
/** The other side's refusal of ours, in the words of TLS 1.2 and 1.3. */
const REFUSED =
  /^ERR_SSL_\w*ALERT_(BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;
const AGAIN = 'in the folder of docker_cert_path, then start the service again';

/**
 * What to do about a daemon with which no connection comes about for its certificate or ours.
 * @returns undefined for any other failure
 */
export function tlsFailure(code: string, said: string, address: string): string | undefined {
  const docker = `Docker at ${address}`;
  if (UNSIGNED.test(code))
    return `${docker} shows a certificate that is not signed by whom we trust: put the ca.pem of that daemon ${AGAIN}.`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `The certificate of ${docker} is not valid today: give that daemon a new one, and see that both machines' clocks are right.`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `The certificate of ${docker} is made out to another name: ask it by a name that is in it, or give it one with this name.`;
  if (REFUSED.test(code))
    return `${docker} takes only clients with a certificate that it trusts and that has not expired: put such a cert.pem and its key.pem ${AGAIN}.`;
  if (code.startsWith('ERR_OSSL_'))
    return `The certificates for ${docker} can't be used (${said}): put a ca.pem, a cert.pem and the key.pem that belongs to it ${AGAIN}.`;
  if (/wrong version number|packet length too long/.test(said))
    return `What answers at ${address} speaks no TLS: name the port where Docker does, or ask it as tcp:// without docker_cert_path.`;
  if (/HTTP request to an HTTPS server/.test(said))
    return `${docker} speaks TLS only: name a folder with ca.pem, cert.pem and key.pem in docker_cert_path.`;
  return undefined;
}
