import type { RawReadable, RawWritable } from './raw-call.js';

type WriteCallback = (error?: Error | null) => void;

/**
 * Sees each message that comes in, whoever reads it. `push` is what grpc-js hands messages to the stream with; a 'data'
 * listener would make the stream flow.
 *
 * @returns what takes the tap off.
 */
export function tapReceived(call: RawReadable, onReceived: () => void): () => void {
  const before = Object.getOwnPropertyDescriptor(call, 'push');
  const push = call.push.bind(call);
  const tapped: RawReadable['push'] = (chunk, encoding) => {
    if (chunk !== null) onReceived();
    return push(chunk, encoding);
  };
  call.push = tapped;
  return () => {
    if (call.push !== tapped) return;
    if (before === undefined) Reflect.deleteProperty(call, 'push');
    else Object.defineProperty(call, 'push', before);
  };
}

/**
 * Sees each message that goes out, whoever writes it, and after the status lets none through: grpc-js would count it
 * against the retry buffer of its channel and never take it off again.
 *
 * @returns what to call at the status. It also answers the write that grpc-js forgot, so that whoever pipes into the
 * stream is not left waiting. The tap itself stays.
 */
export function tapSent(call: RawWritable, onSent: () => void): () => void {
  const write = call._write.bind(call);
  let isOpen = true;
  let pending: WriteCallback | undefined;
  call._write = (chunk, encoding, callback) => {
    if (!isOpen) {
      process.nextTick(callback);
      return;
    }
    const answer: WriteCallback = (error) => {
      if (pending !== answer) return;
      pending = undefined;
      callback(error);
    };
    pending = answer;
    onSent();
    write(chunk, encoding, answer);
  };
  return () => {
    isOpen = false;
    if (pending !== undefined) process.nextTick(pending);
  };
}
