import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { PeerName } from './peer.js';

/** What a test may need besides Node: a peer, or haproxy before one. */
export type LiveProgram = PeerName | 'haproxy';

/** Programs, and files of libraries, that each is made of; and the Debian packages that bring them. */
const PARTS: Readonly<Record<LiveProgram, { readonly parts: readonly string[]; readonly packages: string }>> = {
  'grpc-js': { parts: [], packages: '' },
  'grpc-go': {
    parts: ['go', 'protoc', 'protoc-gen-go', '/usr/share/gocode/src/google.golang.org/grpc/server.go'],
    packages: 'golang-go golang-google-grpc-dev golang-goprotobuf-dev protobuf-compiler',
  },
  nginx: { parts: ['nginx', 'setpriv'], packages: 'nginx util-linux' },
  haproxy: { parts: ['haproxy', 'setpriv'], packages: 'haproxy util-linux' },
};

/** Where programs are looked for: also where Debian has those that only root has in its PATH. */
export const PROGRAM_PATH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`;

/** Says in words what a peer, or haproxy, needs and this machine has not; undefined when it has everything. */
export function missingForPeer(peer: LiveProgram): string | undefined {
  const { parts, packages } = PARTS[peer];
  const missing = parts.filter((part) => !isThere(part));
  if (missing.length === 0) return undefined;
  return `${peer} is not here: ${missing.join(', ')} not found. On Debian: apt-get install ${packages}`;
}

function isThere(part: string): boolean {
  if (part.startsWith('/')) return existsSync(part);
  return PROGRAM_PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, part), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
