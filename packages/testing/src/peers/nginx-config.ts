import { join } from 'node:path';

/** The settings of an nginx in front of a gRPC server. */
export interface NginxSettings {
  readonly host: string;
  readonly port: number;
  /** The address of the gRPC server: 'host:port'. */
  readonly origin: string;
  /** The folder for all files of nginx. */
  readonly folder: string;
  /** Default: nginx's own, 128. */
  readonly maxConcurrentStreams?: number | undefined;
  readonly isTls: boolean;
  /** More directives of the `server` block. */
  readonly directives: string;
}

/** The names of files in an nginx's folder. */
export const NGINX_FILES = {
  key: 'key.pem',
  cert: 'cert.pem',
  log: 'error.log',
  pid: 'nginx.pid',
  status: 'status.sock',
} as const;

/** The request metadata in which nginx forwards the address of the client. */
export const FORWARDED_PEER = 'x-forwarded-peer';

/**
 * Creates the configuration of an nginx that forwards gRPC. Client connections have the defaults of nginx (streams,
 * requests, keepalive) unless `directives` change them. Two defaults that would end long calls of a test are raised:
 * the time that a stream may be silent (60 s) and the size of its body (1 MiB).
 */
export function nginxConfig(settings: NginxSettings): string {
  const { host, port, origin, folder, maxConcurrentStreams, isTls, directives } = settings;
  const file = (name: string): string => `"${join(folder, name)}"`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
# One process, so that stopping and ending it by its id is stopping and ending all of it.
daemon off;
master_process off;
pid ${file(NGINX_FILES.pid)};
# From "info" on it says of each stream that it refused.
error_log ${file(NGINX_FILES.log)} info;
events { worker_connections 8192; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${file(name)};`).join('\n  ')}
  upstream origin {
    server ${origin};
    # Each call has one of them to itself.
    keepalive 1024;
    keepalive_requests 1000000;
  }
  server {
    listen ${host.includes(':') ? `[${host}]` : host}:${port} http2${isTls ? ' ssl' : ''} backlog=4096;
    ${isTls ? `ssl_certificate ${file(NGINX_FILES.cert)}; ssl_certificate_key ${file(NGINX_FILES.key)};` : ''}
    ${maxConcurrentStreams === undefined ? '' : `http2_max_concurrent_streams ${maxConcurrentStreams};`}
    client_max_body_size 0;
    client_body_timeout 1d;
    grpc_read_timeout 1d;
    grpc_send_timeout 1d;
    ${directives}
    location / {
      grpc_pass grpc://origin;
      grpc_set_header ${FORWARDED_PEER} $remote_addr:$remote_port;
    }
  }
  server {
    listen unix:${join(folder, NGINX_FILES.status)};
    keepalive_requests 1000000;
    keepalive_timeout 1d;
    location / { stub_status; }
  }
}
`;
}
