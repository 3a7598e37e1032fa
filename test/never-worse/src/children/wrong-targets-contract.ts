import type { ChannelOptions } from '@grpc/grpc-js';
import type { ProgramOptions } from '../program.js';

/** Targets that lead nowhere, beside a good one. */
export interface WrongTargetsOptions extends ProgramOptions {
  readonly wrong: readonly { readonly target: string; readonly channelOptions?: ChannelOptions }[];
}
