import { missingForPeer, type LiveProgram } from '@grpc-manifold/testing';
import { describe, it } from 'vitest';

/**
 * Describes what needs a peer, or haproxy. On a machine that has it not, that is said aloud and skipped; in CI it
 * fails.
 */
export function describePeer(peer: LiveProgram, name: string, body: () => void): void {
  const missing = missingForPeer(peer);
  if (missing === undefined) {
    describe(name, body);
    return;
  }
  it(name, ({ skip }) => {
    if (process.env['CI'] === 'true') throw new Error(missing);
    console.warn(missing);
    skip(missing);
  });
}
