import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { PeerName } from './peer.js';

/** A program that a test may need besides Node: a peer, or haproxy in front of one. */
export type LiveProgram = PeerName | 'haproxy';

/** The programs and library files that each needs, and the Debian packages that contain them. */
const PARTS: Readonly<Record<LiveProgram, { readonly parts: readonly string[]; readonly packages: string }>> = {
  'grpc-js': { parts: [], packages: '' },
  'grpc-go': {
    parts: ['go', 'protoc', 'protoc-gen-go', '/usr/share/gocode/src/google.golang.org/grpc/server.go'],
    packages: 'golang-go golang-google-grpc-dev golang-goprotobuf-dev protobuf-compiler',
  },
  nginx: { parts: ['nginx', 'setpriv'], packages: 'nginx util-linux' },
  haproxy: { parts: ['haproxy', 'setpriv'], packages: 'haproxy util-linux' },
};

/** The search path for programs, including the folder that Debian has only in the PATH of root. */
export const PROGRAM_PATH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`;

/** Describes what a peer or haproxy needs and this machine lacks; undefined when nothing is missing. */
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
