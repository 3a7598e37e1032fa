import { credentials, type Interceptor } from '@grpc/grpc-js';
import { selfSignedCertificate, startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Behaviour, Stage } from './behaviour.js';
import { credentialsBehaviours } from './behaviours/credentials.js';
import { endingBehaviours } from './behaviours/endings.js';
import { interceptorBehaviours } from './behaviours/interceptors.js';
import { malformedBehaviours } from './behaviours/malformed.js';
import { messageBehaviours } from './behaviours/messages.js';
import { metadataBehaviours } from './behaviours/metadata.js';
import { parentBehaviours } from './behaviours/parents.js';
import { streamBehaviours } from './behaviours/streams.js';
import { startRawServer, type RawServer } from './raw-server.js';
import { plain, type Entrance, type Way } from './way.js';

const table: readonly (readonly [string, readonly Behaviour[]])[] = [
  ['metadata and status', metadataBehaviours],
  ['messages', messageBehaviours],
  ['streams', streamBehaviours],
  ['endings', endingBehaviours],
  ['answers that are out of order', malformedBehaviours],
  ['credentials', credentialsBehaviours],
  ['interceptors', interceptorBehaviours],
  ['parent calls', parentBehaviours],
];

let certificate: string;
let raw: RawServer;
let echo: EchoServer;
let secure: EchoServer;

beforeAll(async () => {
  const { key, cert } = await selfSignedCertificate();
  certificate = cert;
  [raw, echo, secure] = await Promise.all([
    startRawServer(),
    startEchoServer(),
    startEchoServer({ tls: { key, cert } }),
  ]);
});

afterAll(async () => {
  await Promise.all([raw, echo, secure].map((server) => server[Symbol.asyncDispose]()));
});

/** Brings a behaviour about in one way, and closes what was opened for it. */
async function look(behaviour: Behaviour, way: Way): Promise<unknown> {
  const entrances: Entrance[] = [];
  const stage: Stage = {
    raw,
    echo,
    secure,
    certificate,
    open: (wish) => {
      const entrance = way.open({
        target: raw.target,
        credentials: credentials.createInsecure(),
        channelOptions: {},
        clientOptions: {},
        ...wish,
      });
      entrances.push(entrance);
      return entrance.client;
    },
    perCall: (...interceptors: Interceptor[]) => (entrances.at(-1) as Entrance).perCall(interceptors),
  };
  try {
    return await behaviour.run(stage);
  } finally {
    await Promise.all(entrances.map((entrance) => entrance.close()));
  }
}

/**
 * Brings each behaviour about in each way, and expects what a plain client shows.
 *
 * @param isOther tells which behaviours are another in these ways.
 */
export function compareWithPlain(
  title: string,
  ways: readonly Way[],
  isOther = (_: Behaviour): boolean => false,
): void {
  describe.each(table)(`${title}: %s`, (_theme, behaviours) => {
    describe.each(behaviours.filter((behaviour) => !isOther(behaviour)))('$name', (behaviour) => {
      let expected: unknown;

      beforeAll(async () => {
        expected = await look(behaviour, plain);
      });

      it('is what a plain client shows', () => {
        if (
          typeof behaviour.shows === 'object' &&
          behaviour.shows !== null &&
          !('asymmetricMatch' in behaviour.shows)
        ) {
          expect(expected).toMatchObject(behaviour.shows);
        } else {
          expect(expected).toEqual(behaviour.shows);
        }
      });

      it.each(ways)('through $name', async (way) => {
        expect(await look(behaviour, way)).toEqual(expected);
      });
    });
  });
}
