import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import type { ChannelPoolOptions, MemberView, Picker, PickerName, PickOutcome } from '@grpc-manifold/channel-pool';
import type { CallInfo } from '@grpc-manifold/core';
import type { Clock, Random } from '@grpc-manifold/core/internal';

/** What a dispatcher does with a connection of its pool, for one call. */
export interface Member extends MemberView {
  readonly outcomes: { answered(givenAtMs: number, nowMs: number): void };
  countOut(ending: 'answered' | 'failed'): void;
}

/** What it does with all of them. */
export interface Members {
  readonly open: ReadonlySet<Member>;
  requestConnection(): void;
  take(call: CallInfo & { handedAtMs: number }): Member | undefined;
  review(): void;
  callEnded(member: Member, outcome: PickOutcome): void;
  close(reason: string): Promise<number>;
}

interface MembersModule {
  readonly Members: new (
    settings: {
      target: string;
      credentials: ChannelCredentials;
      clock: Clock;
      channelOptions: ChannelOptions;
      resetBurst: number;
      keepaliveOptions: ChannelOptions;
    },
    options: object,
    clock: Clock,
    random: Random,
    observer: object,
  ) => Members;
}

interface OptionsModule {
  resolveChannelPoolOptions(options: ChannelPoolOptions): object;
}

interface PickersModule {
  pickerOf(choice: PickerName, clock: Clock, random: Random): Picker;
}

// Not exported, and nobody's business but that of one who measures it alone.
const { Members: PoolMembers } = await inside<MembersModule>('membership/members.js');
const { resolveChannelPoolOptions } = await inside<OptionsModule>('options/options.js');
const { pickerOf } = await inside<PickersModule>('pickers/index.js');

export { PoolMembers, resolveChannelPoolOptions, pickerOf };

async function inside<Module>(file: string): Promise<Module> {
  return (await import(new URL(file, import.meta.resolve('@grpc-manifold/channel-pool')).href)) as Module;
}
