import { join } from 'node:path';

/** The settings of a haproxy in front of gRPC servers. */
export interface HaproxySettings {
  readonly port: number;
  /**
   * 'http': haproxy speaks HTTP/2 on both sides and balances calls. 'tcp': it forwards TCP and balances connections.
   */
  readonly mode: 'http' | 'tcp';
  /** Ports on 127.0.0.1 that haproxy uses in round-robin order. */
  readonly originPorts: readonly number[];
  /** Default: haproxy's own, 100. */
  readonly maxConcurrentStreams?: number | undefined;
  /** Milliseconds for which a client's connection may be silent. */
  readonly clientTimeoutMs: number;
  /** The folder for all files of haproxy. */
  readonly folder: string;
}

/** The names of files in a haproxy's folder. */
export const HAPROXY_FILES = { config: 'haproxy.cfg', admin: 'admin.sock' } as const;

/** The configuration line of one server. Servers are numbered from 1. */
export function originLine(mode: 'http' | 'tcp', number: number, port: number): string {
  return `origin${number} 127.0.0.1:${port}${mode === 'http' ? ' proto h2' : ''}`;
}

/**
 * Creates the configuration of a haproxy that forwards gRPC. Timeouts that would end long calls of a test are one day,
 * unless the settings have a shorter one. Everything else has the default of haproxy.
 */
export function haproxyConfig(settings: HaproxySettings): string {
  const { port, mode, originPorts, maxConcurrentStreams, clientTimeoutMs, folder } = settings;
  const servers = originPorts.map((originPort, index) => `  server ${originLine(mode, index + 1, originPort)}`);
  return `global
  stats socket "${join(folder, HAPROXY_FILES.admin)}" mode 600 level admin
  ${maxConcurrentStreams === undefined ? '' : `tune.h2.max-concurrent-streams ${maxConcurrentStreams}`}
defaults
  mode ${mode}
  timeout connect 5s
  timeout client ${clientTimeoutMs}ms
  timeout server 1d
frontend clients
  bind 127.0.0.1:${port}${mode === 'http' ? ' proto h2' : ''}
  default_backend origins
  ${mode === 'http' ? 'http-request set-header x-forwarded-peer %[src]:%[src_port]' : ''}
backend origins
  balance roundrobin
${servers.join('\n')}
`;
}
