import { Metadata, status } from '@grpc/grpc-js';
import { ClientCall, loadEchoPackage } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { answersByCallback, methodOf } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { READS_ALL } from './booked-connection.js';
import type { Action, ActionOf } from './plan.js';
import type { Run } from './run.js';

/** Error codes of RFC 9113, section 7. */
const NO_ERROR = 0;
const INTERNAL_ERROR = 2;

/** Does what a plan says, each thing in one tick. */
export class Actions {
  readonly #client;
  /** Calls whose client has not ended its side. */
  readonly #writing = new Set<RecordedCall>();
  /** Something was done since all was at rest. */
  #isBusy = false;
  #mayWrite = true;

  constructor(private readonly run: Run) {
    this.#client = createPooledClient(loadEchoPackage().EchoClient, run.pool);
  }

  carryOut(action: Action): void {
    this.#carryOut(action);
    this.#isBusy = true;
  }

  /** Nothing is under way any more. */
  atRest(): void {
    this.#isBusy = false;
    this.#mayWrite = true;
  }

  /** A call that is only made. */
  make(): ClientCall {
    return new ClientCall(this.run.pool.createCall(methodOf('unary'), Infinity, null, null, null));
  }

  #carryOut(action: Action): void {
    const { peer, pool, clock, calls, stillborn } = this.run;
    switch (action.kind) {
      case 'start':
        return this.#start(action);
      case 'cancel':
        return any(calls, action.which)?.cancel();
      case 'cancel before start': {
        const made = this.make();
        made.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
        return void stillborn.push(made.start());
      }
      case 'client writes':
        return this.#write(action);
      case 'server ends': {
        const stream = any(peer.running, action.which);
        for (let left = action.messages; left > 0; left -= 1) stream?.connection.say(stream.id);
        return stream?.connection.end(stream.id, action.code);
      }
      case 'server sends': {
        const stream = any(peer.running, action.which);
        return stream?.connection.say(stream.id);
      }
      case 'server resets':
        return this.#reset(action);
      case 'drop':
        return any(peer.open, action.which)?.drop(action.how);
      case 'goaway':
        return any(peer.admitted, action.which)?.goAway(action.code, action.taken);
      case 'limit':
        return any(peer.admitted, action.which)?.allow(action.limit);
      case 'limit of new ones':
        return void (peer.limit = action.limit);
      case 'hold new ones':
        return void (peer.isHolding = true);
      case 'let in':
        return peer.letIn();
      case 'update': {
        const { maxQueuedCalls, ...bounds } = action.bounds;
        return pool.update({ ...bounds, queue: { maxQueuedCalls } });
      }
      case 'advance':
        return clock.advance(action.ms);
    }
  }

  #start({ rpc, deadlineInMs, waitForReady, halfClose }: ActionOf<'start'>): void {
    const options = { deadline: this.run.clock.now() + deadlineInMs };
    const metadata = new Metadata({ waitForReady });
    const request = answersByCallback(rpc) ? {} : { payload: READS_ALL };
    const call = new RecordedCall(this.#client, rpc, { request, metadata, options, halfClose });
    if (!halfClose && (rpc === 'client-stream' || rpc === 'bidi')) this.#writing.add(call);
    this.run.calls.push(call);
  }

  #write({ which, last }: ActionOf<'client writes'>): void {
    const call = any([...this.#writing], which);
    if (call === undefined || !this.#mayWrite) return;
    if (last) {
      this.#writing.delete(call);
      call.call.end?.();
    } else {
      // Nobody answers after the status.
      void call.write({});
    }
  }

  #reset(action: ActionOf<'server resets'>): void {
    const stream = any(this.run.peer.running, action.which);
    // Node's HTTP/2 (20.20) does not close a stream that is reset with NO_ERROR while a write is under way: such a call
    // hangs until its connection ends, also on a plain grpc-js channel.
    const code = action.code === NO_ERROR && this.#isBusy ? INTERNAL_ERROR : action.code;
    if (code === NO_ERROR) this.#mayWrite = false;
    stream?.connection.reset(stream.id, code);
  }
}

/** One of several, if there is any. */
function any<T>(of: readonly T[], which: number): T | undefined {
  return of[which % Math.max(of.length, 1)];
}
