import { connectivityState, credentials } from '@grpc/grpc-js';
import type { PickerName } from '@grpc-manifold/channel-pool';
import type { CallInfo, ChannelFactory } from '@grpc-manifold/core';
import { systemClock } from '@grpc-manifold/core/internal';
import { SCRIPTED_TARGET, ScriptedChannel, seededRandom } from '@grpc-manifold/testing';
import { pickerOf, PoolMembers, resolveChannelPoolOptions, type Member, type Members } from './pool-inside.js';

/** Calls in flight on each connection, on average. */
const CALLS_PER_MEMBER = 8;
/** How long each call is said to have taken; nobody waits for it. */
const OUTCOME = { rttMs: 5, ok: true };
const CALL = { handedAtMs: -1 } as CallInfo & { handedAtMs: number };

/** The connections of a pool over channels without a wire: ready, and under a steady load. */
export class WirelessPool {
  readonly #held: Member[] = [];
  /** When each was given; -1 where calls are not timed. */
  readonly #givenAtMs: number[] = [];
  readonly #turns: Uint32Array;
  readonly #pickAlone: (times: number) => void;
  #turn = 0;

  private constructor(
    private readonly members: Members,
    pickerName: PickerName,
  ) {
    const calls = members.open.size * CALLS_PER_MEMBER;
    for (let call = 0; call < calls; call++) this.#give(call);
    const random = seededRandom(2);
    this.#turns = Uint32Array.from({ length: 2 ** 14 }, () => Math.floor(random.next() * calls));
    const picker = pickerOf(pickerName, systemClock, seededRandom(3));
    const all = [...members.open];
    for (const member of all) picker.onCallEnd?.(member, OUTCOME);
    this.#pickAlone = (times) => {
      for (let i = 0; i < times; i++) if (picker.pick(all, CALL) === undefined) throw new Error('Nobody was picked');
    };
  }

  /** Opens that many connections. There could be more of them, so that each call has to ask whether there should be. */
  static async open(count: number, picker: PickerName): Promise<WirelessPool> {
    const channelFactory: ChannelFactory = (_target, _credentials, _options, { id }) => {
      const channel = new ScriptedChannel(id);
      channel.become(connectivityState.READY);
      return channel;
    };
    const options = resolveChannelPoolOptions({
      minChannels: count,
      maxChannels: 1_000,
      shrinkAfterMs: Infinity,
      picker,
      channelFactory,
      policies: [],
    });
    const ignore = (): void => undefined;
    const zero = (): number => 0;
    const settings = {
      target: SCRIPTED_TARGET,
      credentials: credentials.createInsecure(),
      clock: systemClock,
      channelOptions: {},
      resetBurst: 800,
      keepaliveOptions: {},
    };
    const members = await new Promise<Members>((resolve) => {
      let ready = 0;
      const opened: Members = new PoolMembers(settings, options, systemClock, seededRandom(1), {
        queuedCalls: zero,
        takePeak: zero,
        isAwaited: () => true,
        takesCalls: () => true,
        beforeOpening: ignore,
        onRoom: ignore,
        onNoConnection: ignore,
        endCallsOn: ignore,
        during: (operation: () => unknown) => operation(),
        onAlarm: ignore,
        onStateChange: () => void (++ready === count && resolve(opened)),
        onScale: ignore,
        onConnectivity: ignore,
      });
      opened.requestConnection();
    });
    return new WirelessPool(members, picker);
  }

  /** Asks the picker alone, so many times, with all of the connections to choose from. */
  pickAlone(times: number): void {
    this.#pickAlone(times);
  }

  /** Takes a call off its connection and puts another on one, so many times: all that a pool does for that. */
  turnOver(times: number): void {
    const { members } = this;
    for (let i = 0; i < times; i++) {
      this.#turn = (this.#turn + 1) % this.#turns.length;
      const which = this.#turns[this.#turn] as number;
      const done = this.#held[which] as Member;
      const givenAtMs = this.#givenAtMs[which] as number;
      if (givenAtMs >= 0) {
        done.outcomes.answered(givenAtMs, systemClock.elapsed());
        members.callEnded(done, OUTCOME);
      }
      done.countOut('answered');
      this.#give(which);
    }
  }

  #give(which: number): void {
    const member = this.members.take(CALL);
    if (member === undefined) throw new Error('Nobody was picked');
    this.members.review();
    this.#held[which] = member;
    this.#givenAtMs[which] = CALL.handedAtMs;
  }

  async close(): Promise<void> {
    await this.members.close('it was measured');
  }
}
