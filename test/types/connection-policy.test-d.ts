import {
  idleClose,
  keepalive,
  maxAge,
  type IdleCloseOptions,
  type KeepaliveOptions,
  type KeepalivePreset,
  type MaxAgeOptions,
} from '@grpc-manifold/connection-policy';
import type { ChannelPoolOptions, ConnectionPolicy, PolicyAction, PoolView } from 'grpc-manifold';
import type { Equal, Expect } from './expect.js';

// All of them go into a pool, beside one of the user's own.
const own: ConnectionPolicy = {
  name: 'own',
  channelOptions: () => ({ 'grpc.max_receive_message_length': 1_024 }),
  review({ channels, pingStrikes }, nowMs) {
    nowMs satisfies number;
    pingStrikes satisfies number;
    const [first] = channels;
    return {
      actions: first === undefined ? [] : [{ kind: 'rotate', channelId: first.id, reason: 'because' }],
      nextReviewMs: Infinity,
    };
  },
};
const options: ChannelPoolOptions = { policies: [own, idleClose(), keepalive({ preset: 'gcp' }), maxAge({})] };
void options;

// A policy needs no more than a name.
({ name: 'silent' }) satisfies ConnectionPolicy;
// @ts-expect-error it needs one
({ review: own.review }) satisfies ConnectionPolicy;

// @ts-expect-error a preset that there is not
keepalive({ preset: 'aws' });
// @ts-expect-error grpc-js wants a number where we want true or false
keepalive({ withoutCalls: 1 });
// @ts-expect-error an option that there is not
idleClose({ idleMs: 5 });
// @ts-expect-error milliseconds are a number
maxAge({ maxAgeMs: '1h' });
// @ts-expect-error options are read once
((given: IdleCloseOptions) => (given.idleTimeoutMs = 3))({});

// What a policy sees is not to be changed.
declare const view: PoolView;
// @ts-expect-error the list neither
view.channels.pop();
// @ts-expect-error an action says why
({ kind: 'close', channelId: 1 }) satisfies PolicyAction;
// @ts-expect-error an interval is the pool's, not that of a connection
({ kind: 'set-keepalive', channelId: 1, timeMs: 5, reason: '' }) satisfies PolicyAction;

export type Checks = [
  Expect<Equal<ReturnType<typeof keepalive>, ConnectionPolicy>>,
  Expect<Equal<Parameters<typeof maxAge>, [options?: MaxAgeOptions]>>,
  Expect<Equal<KeepalivePreset, 'server-default' | 'aws-nlb' | 'azure-lb' | 'gcp'>>,
  Expect<Equal<KeepaliveOptions['belowMinimum'], 'refuse' | 'allow' | undefined>>,
];
