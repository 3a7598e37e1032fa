import { credentials, Metadata } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient } from '../servers/echo-service.js';
import { ScriptedInnerCalls, type ScriptedInnerCall } from './scripted-inner-call.js';

/** A grpc-js client whose calls a test answers. Its streams are real, but no network is below them. */
export class ScriptedClient implements Disposable {
  readonly below = new ScriptedInnerCalls();
  readonly client: EchoClient;

  constructor() {
    this.client = new (loadEchoPackage().EchoClient)('dns:///scripted', credentials.createInsecure(), {
      interceptors: [(options) => this.below.nextCall(options)],
    });
  }

  /** The inner call of the newest stream. */
  get last(): ScriptedInnerCall {
    const call = this.below.calls.at(-1);
    if (call === undefined) throw new Error('no call was made');
    return call;
  }

  /** Sends metadata, messages and OK. */
  answer(call: ScriptedInnerCall, messages: readonly unknown[]): void {
    call.sendMetadata(new Metadata());
    for (const message of messages) call.send(message);
    call.end();
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}
