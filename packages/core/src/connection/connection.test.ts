import { describe, expect, it } from 'vitest';
import { ScriptedChannel } from '@grpc-manifold/testing';
import { CONNECTION, connectionOf, type Connection } from './connection.js';

describe('connectionOf', () => {
  it('finds the connection of a channel that exposes it', () => {
    const connection = {} as Connection;
    expect(connectionOf(Object.assign(new ScriptedChannel(1), { [CONNECTION]: connection }))).toBe(connection);
  });

  it('returns undefined for any other channel', () => {
    expect(connectionOf(new ScriptedChannel(1))).toBeUndefined();
  });
});
