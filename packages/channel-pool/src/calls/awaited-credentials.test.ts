import { connectivityState, credentials, Metadata, type CallCredentials } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { explain } from '@grpc-manifold/core';
import { NOTHING_LEFT, SCRIPTED_TARGET, ScriptedChannel, ScriptedScenes, settled } from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, environment),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

/** A channel whose calls tell which call credentials they were given. */
class CredentialedChannel extends ScriptedChannel {
  readonly given: CallCredentials[] = [];

  override createCall(...of: Parameters<ScriptedChannel['createCall']>): ReturnType<ScriptedChannel['createCall']> {
    const call = super.createCall(...of);
    return Object.assign(call, { setCredentials: (given: CallCredentials) => void this.given.push(given) });
  }
}

function setUpReady() {
  const channel = new CredentialedChannel(1);
  const scene = setUp({}, () => channel);
  scene.pool.getConnectivityState(true);
  channel.become(connectivityState.READY);
  return { ...scene, call: scene.call, clock: scene.clock, channel };
}

const QUESTION = { method_name: 'Call', service_url: 'https://scripted/echo.Echo' };
const NONE = credentials.createEmpty();

it('a call whose deadline passes before its call credentials have answered says so', async () => {
  const { call, channel, clock } = setUpReady();
  const waiting = call({ deadline: clock.now() + 100 });
  const hanging = credentials.createFromMetadataGenerator(() => undefined);
  void channel.given[0]?.compose(hanging).generateMetadata(QUESTION);
  clock.advance(100);
  await settled();
  expect(waiting.ending.details).toBe(
    `Deadline exceeded after 0.100s,waiting for call credentials on connection 1 to ${SCRIPTED_TARGET}; never sent`,
  );
  expect(explain(waiting.ending)).toEqual({
    queueWaitMs: 0,
    channelId: 1,
    neverSent: true,
    waitedFor: 'credentials',
    from: 'object',
  });
});

it('a call whose credentials are asked again, for another attempt, does not say that it was never sent', async () => {
  const { call, channel, clock } = setUpReady();
  const waiting = call({ deadline: clock.now() + 100 });
  const answers = [(done: () => void) => done(), () => undefined];
  const once = credentials.createFromMetadataGenerator((_question, callback) =>
    answers.shift()?.(() => callback(null, new Metadata())),
  );
  const asked = channel.given[0]?.compose(once);
  await asked?.generateMetadata(QUESTION);
  void asked?.generateMetadata(QUESTION);
  clock.advance(100);
  await settled();
  expect(explain(waiting.ending)).toEqual({ queueWaitMs: 0, channelId: 1, waitedFor: 'credentials', from: 'object' });
});

it('calls without credentials are given none once the channel has shown that it has none', async () => {
  const { call, channel } = setUpReady();
  call();
  expect(channel.given).toHaveLength(1);
  expect(channel.given[0]?.compose(NONE)).toBe(NONE);
  call();
  expect(channel.given).toHaveLength(1);
});

it('what the credentials say, or fail with, is passed on', async () => {
  const { call, channel } = setUpReady();
  call();
  const token = new Metadata();
  token.set('token', 'a');
  const saying = credentials.createFromMetadataGenerator((_question, callback) => callback(null, token));
  const failing = credentials.createFromMetadataGenerator((_question, callback) => callback(new Error('no token')));
  const said = await channel.given[0]?.compose(saying).generateMetadata(QUESTION);
  expect(said?.getMap()).toEqual({ token: 'a' });
  await expect(channel.given[0]?.compose(failing).generateMetadata(QUESTION)).rejects.toThrow('no token');
});
