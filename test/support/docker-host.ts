import Docker from 'dockerode';

/** @param host `unix://PATH` or `tcp://HOST:PORT`. */
export function dockerAt(host: string): Docker {
  if (host.startsWith('unix://')) return new Docker({ socketPath: host.slice('unix://'.length) });
  const { hostname, port } = new URL(host);
  return new Docker({ protocol: 'http', host: hostname, port: Number(port === '' ? 2375 : port) });
}
