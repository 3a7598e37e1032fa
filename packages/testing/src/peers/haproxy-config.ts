import { join } from 'node:path';

/** What a haproxy before gRPC servers is to do. */
export interface HaproxySettings {
  readonly port: number;
  /** 'http': it speaks HTTP/2 to both sides, and spreads calls. 'tcp': it joins sockets, and spreads connections. */
  readonly mode: 'http' | 'tcp';
  /** Ports of 127.0.0.1 that it takes in turn. */
  readonly originPorts: readonly number[];
  /** Default: haproxy's own, 100. */
  readonly maxConcurrentStreams?: number | undefined;
  /** Milliseconds for which a client's connection may be silent. */
  readonly clientTimeoutMs: number;
  /** For everything that it writes. */
  readonly folder: string;
}

/** The names of files in a haproxy's folder. */
export const HAPROXY_FILES = { config: 'haproxy.cfg', admin: 'admin.sock' } as const;

/** What one of the servers is called; they count from 1. */
export function originLine(mode: 'http' | 'tcp', number: number, port: number): string {
  return `origin${number} 127.0.0.1:${port}${mode === 'http' ? ' proto h2' : ''}`;
}

/**
 * Writes the configuration of a haproxy that passes gRPC on. Timeouts that would end a test's long calls are a day,
 * unless a test asks for a shorter one; the rest is haproxy's own default.
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
