import type { CallOptions } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';
import { scoped, scopedUpload, type ScopedDuplex, type ScopedReadable, type ScopedUpload } from 'grpc-manifold';
import type { CallPlan } from './call-plan.js';
import { ignore, leaveAfter, watchCall, type CallWitness } from './call-witness.js';

interface ScopedPlan extends CallPlan {
  readonly kind: 'scoped server-stream' | 'scoped client-stream' | 'scoped bidi';
}

/** Makes a call that has an owner, in a block of its own. */
export function makeScopedCall(
  client: EchoClient,
  plan: ScopedPlan,
  request: EchoRequest,
  options: CallOptions,
  witness: CallWitness,
): void {
  void use().finally(() => witness.onTold());

  async function use(): Promise<void> {
    await using stream = open();
    const stay = leaveAfter(plan.cancelAfterMs, witness, stream);
    try {
      if ('finish' in stream && !(Symbol.asyncIterator in stream)) await upload(stream);
      else await read(stream as ScopedReadable<EchoResponse>);
    } catch {
      // The status tells of it already.
    } finally {
      stay();
    }
  }

  function open(): ScopedReadable<EchoResponse> | ScopedUpload<EchoRequest, EchoResponse> {
    const { metadata } = witness;
    switch (plan.kind) {
      case 'scoped server-stream': {
        const call = client.serverStream({ ...request, responseCount: plan.messages }, metadata, options);
        watchCall(call, witness);
        return scoped(call);
      }
      case 'scoped bidi': {
        const call = client.bidi(metadata, options);
        watchCall(call, witness);
        return scoped(call);
      }
      case 'scoped client-stream':
        return scopedUpload<EchoRequest, EchoResponse>((callback) => {
          const call = client.clientStream(metadata, options, callback);
          watchCall(call, witness);
          return call;
        });
    }
  }

  async function upload(stream: ScopedUpload<EchoRequest, EchoResponse>): Promise<void> {
    for (let sent = 0; sent < plan.messages; sent += 1) await stream.write(request);
    witness.onResponse(await stream.finish());
  }

  async function read(stream: ScopedReadable<EchoResponse>): Promise<void> {
    const duplex = 'write' in stream ? (stream as ScopedDuplex<EchoRequest, EchoResponse>) : undefined;
    let received = 0;
    const send = (): void => {
      if (duplex === undefined || received >= plan.messages) return;
      const isLast = received === plan.messages - 1;
      // What a write fails by, the loop fails by too.
      duplex.write(isLast ? request : { delayMs: plan.delayMs, describe: true }).catch(ignore);
      if (isLast) Promise.resolve(duplex.finish()).catch(ignore);
    };
    send();
    for await (const response of stream) {
      witness.onResponse(response);
      received += 1;
      send();
    }
  }
}
