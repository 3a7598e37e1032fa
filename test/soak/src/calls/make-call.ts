import type { CallOptions, ClientDuplexStream } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';
import type { CallPlan } from './call-plan.js';
import { ignore, leaveAfter, watchCall, type CallWitness, type WatchedCall } from './call-witness.js';
import { makeScopedCall } from './make-scoped-call.js';

/** Makes a call as its plan says. */
export function makeCall(client: EchoClient, plan: CallPlan, witness: CallWitness): void {
  const { kind, messages } = plan;
  const options: CallOptions = plan.deadlineMs === undefined ? {} : { deadline: Date.now() + plan.deadlineMs };
  const request: EchoRequest = {
    delayMs: plan.delayMs,
    responseBytes: plan.responseBytes,
    statusCode: plan.statusCode,
    hang: plan.hangs,
    // The answer tells which connection the call is on.
    describe: true,
  };
  if (kind === 'scoped server-stream' || kind === 'scoped client-stream' || kind === 'scoped bidi') {
    makeScopedCall(client, { ...plan, kind }, request, options, witness);
    return;
  }
  const { metadata } = witness;
  let stay: () => void = ignore;
  let isTold = false;
  const tell = (): void => {
    stay();
    witness.onTold();
  };
  /** Of a failed stream both come, 'error' and 'end'; 'close' does not, where it may still be written to. */
  const tellOnce = (): void => {
    if (isTold) return;
    isTold = true;
    tell();
  };
  const single = (_error: unknown, response?: EchoResponse): void => {
    if (response !== undefined) witness.onResponse(response);
    tell();
  };
  const call = open();
  watchCall(call, witness);
  stay = leaveAfter(plan.cancelAfterMs, witness, call);

  function open(): WatchedCall {
    switch (kind) {
      case 'unary':
        return client.unary(request, metadata, options, single);
      case 'client-stream': {
        const upload = client.clientStream(metadata, options, single);
        for (let sent = 0; sent < messages; sent += 1) upload.write(request);
        upload.end();
        return upload;
      }
      case 'server-stream': {
        const download = client.serverStream({ ...request, responseCount: messages }, metadata, options);
        return download.on('data', witness.onResponse).once('end', tellOnce).once('error', tellOnce);
      }
      default: {
        const chat = client.bidi(metadata, options);
        answerEach(chat);
        return chat.once('end', tellOnce).once('error', tellOnce);
      }
    }
  }

  function answerEach(chat: ClientDuplexStream<EchoRequest, EchoResponse>): void {
    let received = 0;
    const send = (): void => {
      if (received < messages - 1) chat.write({ delayMs: plan.delayMs, describe: true });
      else chat.end(request);
    };
    chat.on('data', (response: EchoResponse) => {
      witness.onResponse(response);
      received += 1;
      if (received < messages) send();
    });
    send();
  }
}
