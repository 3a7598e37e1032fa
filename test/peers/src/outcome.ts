import type { Metadata, StatusObject } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';

/** The four kinds of call. */
export const KINDS = ['unary', 'client-stream', 'server-stream', 'bidi'] as const;

/** Everything that one call gave its caller. */
export interface Outcome {
  readonly headers: Metadata | undefined;
  readonly messages: readonly EchoResponse[];
  readonly status: StatusObject;
}

/** Makes one call of a kind with one request, and collects what comes. Never rejects. */
export function outcomeOf(
  client: EchoClient,
  kind: (typeof KINDS)[number],
  request: EchoRequest,
  metadata: Metadata,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const messages: EchoResponse[] = [];
    let headers: Metadata | undefined;
    let status: StatusObject | undefined;
    let hasEnded = false;
    const settle = (): void => {
      if (status !== undefined && hasEnded) resolve({ headers, messages, status });
    };
    const end = (response?: EchoResponse): void => {
      if (response !== undefined) messages.push(response);
      hasEnded = true;
      settle();
    };
    const call = open(client, kind, request, metadata, end);
    call
      .on('metadata', (received: Metadata) => (headers = received))
      .on('status', (received: StatusObject) => {
        status = received;
        settle();
      });
    // The status tells of it already.
    call.on('error', () => undefined);
    if (kind === 'server-stream' || kind === 'bidi') {
      call.on('data', (response: EchoResponse) => messages.push(response));
      call.on('end', () => end());
    }
  });
}

function open(
  client: EchoClient,
  kind: (typeof KINDS)[number],
  request: EchoRequest,
  metadata: Metadata,
  end: (response?: EchoResponse) => void,
) {
  switch (kind) {
    case 'unary':
      return client.unary(request, metadata, (_error, response) => end(response));
    case 'server-stream':
      return client.serverStream(request, metadata);
    case 'client-stream': {
      const call = client.clientStream(metadata, (_error, response) => end(response));
      call.end(request);
      return call;
    }
    case 'bidi': {
      const call = client.bidi(metadata);
      call.end(request);
      return call;
    }
  }
}
