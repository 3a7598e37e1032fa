import { Metadata, type CallOptions, type ChannelOptions } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoRequest } from '@grpc-manifold/testing';
import type { Stage } from '../behaviour.js';
import { framed, type RawCall } from '../raw-server.js';
import { RecordedEvents } from '../recorded-events.js';

/** A response in which every field has its default. */
export const EMPTY_RESPONSE = framed(Buffer.alloc(0));

/** A response with a payload, as it goes over the wire. */
export function responseBytes(payload: string): Buffer {
  return loadEchoPackage().service.Unary.responseSerialize({
    payload: Buffer.from(payload),
    sequence: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    metadata: {},
    details: null,
  });
}

/** What both sides saw. */
export interface BothSides {
  readonly client: unknown[];
  readonly server: readonly object[];
}

/** One unary call to the raw server, to its end on both sides. */
export async function callRaw(
  stage: Stage,
  script: (call: RawCall, number: number) => void,
  options: CallOptions = {},
  metadata = new Metadata(),
  channelOptions: ChannelOptions = {},
  request: EchoRequest = { payload: Buffer.from('hello') },
): Promise<BothSides> {
  stage.raw.script(script);
  const recorded = new RecordedEvents();
  recorded.on(stage.open({ channelOptions }).unary(request, metadata, options, recorded.callback));
  return bothSides(stage, recorded);
}

/** One server stream from the raw server, to its end on both sides. */
export async function callRawStream(
  stage: Stage,
  script: (call: RawCall, number: number) => void,
  metadata = new Metadata(),
): Promise<BothSides> {
  stage.raw.script(script);
  const recorded = new RecordedEvents();
  recorded.on(stage.open().serverStream({ payload: Buffer.from('hello') }, metadata));
  return bothSides(stage, recorded);
}

/** Waits until both sides are done with every call. */
export async function bothSides(stage: Stage, recorded: RecordedEvents): Promise<BothSides> {
  const client = await recorded.over();
  await stage.raw.waitFor((calls) => calls.every((call) => call.isClosed));
  return { client, server: stage.raw.calls.map((call) => call.seen) };
}
