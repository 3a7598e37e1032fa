import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FakeClock, ScriptedClient } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StreamScope } from '../group/stream-scope.js';
import type { ScopedStream } from './scoped-stream.js';
import { scoped, scopedUpload } from './scoped.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

let scripted: ScriptedClient;
beforeEach(() => {
  scripted = new ScriptedClient();
});
afterEach(() => {
  for (const call of scripted.below.calls) call.end();
  scripted[Symbol.dispose]();
});

const clock = new FakeClock();
const { signal } = new AbortController();
const options = { signal, maxLifetimeMs: 60_000, idleTimeoutMs: 60_000, captureStack: true };

async function isCollected(weak: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 20; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    if (weak.deref() === undefined) return true;
  }
  return false;
}

/** Streams that live on at the server, whose signal lives and whose timers run; used, and then forgotten. */
const FORGOTTEN: Readonly<Record<string, () => ScopedStream>> = {
  'a server stream': () => scoped(scripted.client.serverStream({}), options, { clock }),
  'a duplex stream that was written to': () => {
    const stream = scoped(scripted.client.bidi(), options, { clock });
    void stream.write({});
    void stream.finish();
    void stream.status.then(() => undefined);
    return stream;
  },
  'an upload': () => {
    const upload = scopedUpload((callback) => scripted.client.clientStream(callback as never), options, { clock });
    void upload.write({});
    return upload;
  },
  'a stream whose call has listeners': () => {
    const call = scripted.client.serverStream({});
    call.on('data', () => undefined).on('error', () => undefined);
    return scoped(call, options, { clock });
  },
  'a stream of an iterator that is forgotten too': () => {
    const stream = scoped(scripted.client.serverStream({}), options, { clock });
    void stream[Symbol.asyncIterator]().next();
    return stream;
  },
  'a stream of a scope that is forgotten too': () => new StreamScope(options, { clock }).add(scripted.client.bidi()),
};

describe('what the user holds', () => {
  it.each(Object.keys(FORGOTTEN))('is collected when it is forgotten: %s', async (name) => {
    const weak = new WeakRef((FORGOTTEN[name] as () => object)());
    expect(await isCollected(weak)).toBe(true);
  });

  it('says why the stream has ended to whoever waits for its status alone', async () => {
    const status = scoped(scripted.client.serverStream({}), options, { clock }).status;
    let details: string | undefined;
    void status.then((told) => (details = told.details));
    for (let round = 0; round < 20 && details === undefined; round += 1) await isCollected(new WeakRef(options));
    expect(details).toContain('nobody held the stream any more');
  });

  it('is kept while a loop reads', async () => {
    let messages = 0;
    const read = async (stream: AsyncIterable<unknown>): Promise<void> => {
      for await (const _message of stream) messages += 1;
    };
    const start = (): [WeakRef<object>, Promise<void>] => {
      const stream = scoped(scripted.client.serverStream({}), options, { clock });
      return [new WeakRef(stream), read(stream)];
    };
    const [weak, reading] = start();
    scripted.last.send('a');
    expect(await isCollected(weak)).toBe(false);
    scripted.last.send('b');
    scripted.last.end();
    await reading;
    expect(messages).toBe(2);
  });

  it('is kept while the response of an upload is waited for', async () => {
    const start = (): [WeakRef<object>, Promise<unknown>] => {
      const upload = scopedUpload((callback) => scripted.client.clientStream(callback as never), options, { clock });
      return [new WeakRef(upload), upload.finish()];
    };
    const [weak, response] = start();
    expect(await isCollected(weak)).toBe(false);
    scripted.answer(scripted.last, ['received']);
    expect(await response).toBe('received');
    expect(await isCollected(weak)).toBe(true);
  });

  it('is kept while a scope has it', async () => {
    const scope = new StreamScope(options, { clock });
    const weak = new WeakRef(scope.add(scripted.client.bidi()));
    expect(await isCollected(weak)).toBe(false);
    expect(scope.openStreams).toHaveLength(1);
    scope[Symbol.dispose]();
  });
});
