import {
  InterceptingCall,
  Metadata,
  ListenerBuilder,
  RequesterBuilder,
  status,
  type ClientOptions,
  type Interceptor,
  type InterceptorOptions,
  type StatusObject,
} from '@grpc/grpc-js';
import type { EchoRequest, EchoResponse } from '@grpc-manifold/testing';
import { expect } from 'vitest';
import type { Behaviour, Stage } from '../behaviour.js';
import { RecordedEvents } from '../recorded-events.js';

/** Notes everything that passes through it, in both directions. */
function noting(name: string, recorded: RecordedEvents): Interceptor {
  return (options, nextCall) => {
    recorded.note(name, 'call', options.method_definition.path);
    return new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        recorded.note(name, 'start', metadata.getMap());
        next(metadata, {
          onReceiveMetadata: (received, pass) => (recorded.note(name, 'metadata'), pass(received)),
          onReceiveMessage: (message, pass) => (recorded.note(name, 'message', message === null), pass(message)),
          onReceiveStatus: (received, pass) => (recorded.note(name, 'status', received.code), pass(received)),
        });
      },
      sendMessage: (message, next) => (recorded.note(name, 'send'), next(message)),
      halfClose: (next) => (recorded.note(name, 'half-close'), next()),
      cancel: (next) => (recorded.note(name, 'cancel'), next()),
    });
  };
}

async function callEcho(
  stage: Stage,
  recorded: RecordedEvents,
  clientOptions: Pick<ClientOptions, 'interceptors' | 'interceptor_providers' | 'callInvocationTransformer'>,
  request: EchoRequest = { payload: Buffer.from('p'), echoMetadata: ['added'] },
): Promise<unknown[]> {
  const client = stage.open({ target: stage.echo.target, clientOptions });
  recorded.on(client.unary(request, recorded.callback));
  return recorded.over();
}

const changing: Interceptor = (options, nextCall) =>
  new InterceptingCall(
    nextCall({ ...options, deadline: Date.now() + 60_000 }),
    new RequesterBuilder()
      .withStart((metadata, _listener, next) => {
        metadata.set('added', 'by an interceptor');
        next(
          metadata,
          new ListenerBuilder()
            .withOnReceiveMessage((message: EchoResponse | null, pass) =>
              pass(message === null ? null : { ...message, sequence: 42 }),
            )
            .withOnReceiveStatus((received, pass) => pass({ ...received, details: 'changed' }))
            .build(),
        );
      })
      .withSendMessage((message: EchoRequest, next) => next({ ...message, payload: Buffer.from('changed') }))
      .build(),
  );

/** Answers each call itself. */
const answering: Interceptor = () => {
  const response: EchoResponse = {
    payload: Buffer.from('kept'),
    sequence: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    metadata: {},
    details: null,
  };
  const nothing = new InterceptingCall({
    start: () => undefined,
    sendMessage: () => undefined,
    sendMessageWithContext: () => undefined,
    startRead: () => undefined,
    halfClose: () => undefined,
    cancelWithStatus: () => undefined,
    getPeer: () => 'nobody',
    getAuthContext: () => null,
  });
  return new InterceptingCall(nothing, {
    start: (_metadata, listener) => {
      setImmediate(() => {
        listener.onReceiveMetadata(new Metadata());
        listener.onReceiveMessage(response);
        listener.onReceiveStatus({ code: status.OK, details: '', metadata: new Metadata() });
      });
    },
  });
};

/** Makes a failed call once more; a call below it is given up, another begun. */
const retrying: Interceptor = (options: InterceptorOptions, nextCall) => {
  let sent: unknown;
  return new InterceptingCall(nextCall(options), {
    start: (metadata, listener, next) => {
      let held: unknown = null;
      next(metadata, {
        onReceiveMessage: (message: unknown) => void (held = message),
        onReceiveStatus: (received: StatusObject) => {
          if (received.code === status.OK) {
            listener.onReceiveMessage(held);
            listener.onReceiveStatus(received);
            return;
          }
          const again = nextCall(options);
          again.start(metadata, {
            onReceiveMessage: (message: unknown) => listener.onReceiveMessage(message),
            onReceiveStatus: (second) => listener.onReceiveStatus({ ...second, details: `again: ${second.details}` }),
          });
          again.sendMessage(sent);
          again.halfClose();
        },
      });
    },
    sendMessage: (message, next) => {
      sent = message;
      next(message);
    },
  });
};

export const interceptorBehaviours: readonly Behaviour[] = [
  {
    name: 'what several interceptors see, and in which order',
    run: (stage) => {
      const recorded = new RecordedEvents();
      return callEcho(stage, recorded, { interceptors: [noting('first', recorded), noting('second', recorded)] });
    },
    shows: expect.arrayContaining([
      ['first', 'half-close'],
      ['second', 'status', 0],
      ['callback', null, expect.anything()],
    ]),
  },
  {
    name: 'what an interceptor sees of a call that fails',
    run: (stage) => {
      const recorded = new RecordedEvents();
      return callEcho(
        stage,
        recorded,
        { interceptors: [noting('one', recorded)] },
        { statusCode: 5, statusDetails: 'gone' },
      );
    },
    shows: expect.arrayContaining([
      ['one', 'message', true],
      ['one', 'status', 5],
    ]),
  },
  {
    name: 'what an interceptor sees of a cancel',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const clientOptions = { interceptors: [noting('one', recorded)] };
      const call = recorded.on(stage.open({ target: stage.echo.target, clientOptions }).bidi());
      await new Promise((resolve) => {
        call.once('data', resolve);
        call.write({ payload: Buffer.from('x') });
      });
      call.cancel();
      return recorded.over();
    },
    shows: expect.arrayContaining([
      ['one', 'cancel'],
      ['one', 'status', 1],
    ]),
  },
  {
    name: 'what interceptors change',
    run: (stage) => callEcho(stage, new RecordedEvents(), { interceptors: [changing] }),
    shows: expect.arrayContaining([
      [
        'callback',
        null,
        expect.objectContaining({ payload: 'changed', sequence: 42, metadata: { added: 'by an interceptor' } }),
      ],
    ]),
  },
  {
    name: 'an interceptor that starts the call later',
    run: (stage) => {
      const late: Interceptor = (options, nextCall) =>
        new InterceptingCall(nextCall(options), {
          start: (metadata, listener, next) => void setImmediate(() => next(metadata, listener)),
        });
      return callEcho(stage, new RecordedEvents(), { interceptors: [late] });
    },
    shows: expect.arrayContaining([['callback', null, expect.anything()]]),
  },
  {
    name: 'an interceptor that answers by itself',
    run: (stage) => callEcho(stage, new RecordedEvents(), { interceptors: [answering] }),
    shows: expect.arrayContaining([['callback', null, expect.objectContaining({ payload: 'kept' })]]),
  },
  {
    name: 'an interceptor that makes a failed call once more',
    run: (stage) =>
      callEcho(stage, new RecordedEvents(), { interceptors: [retrying] }, { statusCode: 10, statusDetails: 'busy' }),
    shows: expect.arrayContaining([['callback', expect.objectContaining({ details: 'again: busy' }), undefined]]),
  },
  {
    name: 'interceptors of a provider, for one method of several',
    run: (stage) => {
      const recorded = new RecordedEvents();
      const provider = ({ path }: { path: string }): Interceptor =>
        path.endsWith('/Unary') ? noting('provided', recorded) : (undefined as unknown as Interceptor);
      return callEcho(stage, recorded, { interceptor_providers: [provider as never] });
    },
    shows: expect.arrayContaining([['provided', 'status', 0]]),
  },
  {
    name: 'interceptors of a call in place of those of the client',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const clientOptions = { interceptors: [noting('client', recorded)] };
      const client = stage.open({ target: stage.echo.target, clientOptions });
      const interceptors = stage.perCall(noting('call', recorded));
      recorded.on(client.unary({}, { interceptors }, recorded.callback));
      return recorded.over();
    },
    shows: expect.not.arrayContaining([['client', 'status', 0]]),
  },
  {
    name: 'a transformer of calls',
    run: (stage) => {
      const recorded = new RecordedEvents();
      const callInvocationTransformer: ClientOptions['callInvocationTransformer'] = (properties) => {
        recorded.note('transforming', properties.methodDefinition.path, properties.callOptions);
        properties.metadata.set('added', 'by a transformer');
        return properties;
      };
      return callEcho(stage, recorded, { callInvocationTransformer });
    },
    shows: expect.arrayContaining([
      ['callback', null, expect.objectContaining({ metadata: { added: 'by a transformer' } })],
    ]),
  },
];
