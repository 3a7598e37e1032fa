import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { startEchoServer } from '../servers/start-echo-server.js';
import { loadEchoPackage } from '../servers/echo-service.js';
import { FakeClock } from '../clock/fake-clock.js';
import { startFaultProxy } from '../proxies/fault-proxy.js';
import { leakCheck } from './leak-check.js';
import { closeServer, listenOnLoopback, portOf } from '../servers/listening-server.js';
import { startSilentPeer } from '../scripted/silent-peer.js';
import { later } from '../clock/real-time.js';

describe('leakCheck', () => {
  it('finds nothing after a test that cleaned up, stragglers given their time', async () => {
    const check = leakCheck();
    {
      await using server = await startEchoServer();
      await using proxy = await startFaultProxy(server);
      const { EchoClient } = loadEchoPackage();
      const client = new EchoClient(proxy.target, credentials.createInsecure());
      await new Promise((resolve) => client.unary({}, resolve));
      expect(check.leftovers()).not.toEqual([]);
      client.close();
    }
    await check.expectNothingLeft();
    expect(check.leftovers()).toEqual([]);
  });

  it("names a socket that is left, also an unref'd one", async () => {
    await using peer = await startSilentPeer();
    const check = leakCheck({ pauses: 1 });
    const socket = connect(peer.port, '127.0.0.1').unref();
    await peer.waitFor((now) => now.openConnections === 1);
    await expect(check.expectNothingLeft()).rejects.toThrow(`127.0.0.1:${peer.port}`);
    socket.destroy();
  });

  it('names servers, processes and timers that are left', async () => {
    const check = leakCheck({ pauses: 1 });
    const server = await listenOnLoopback(() => {});
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const timers = Array.from({ length: 5 }, () => later(60_000, 'it is left', () => {}));
    const error = await check.expectNothingLeft().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    // How many timers is not said: the test runner has some of its own.
    expect(error?.message).toMatch(/^left behind: .*ref'd timers: \d more$/);
    expect(error?.message).toContain(`a server (127.0.0.1:${portOf(server)}); a child process (${child.pid})`);
    for (const timer of timers) timer[Symbol.dispose]();
    await closeServer(server);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(check.leftovers().filter((left) => !left.startsWith("ref'd timers"))).toEqual([]);
  });

  it('names listeners and timers of fake clocks that are left', async () => {
    const emitter = new EventEmitter();
    emitter.on('cancelled', () => {});
    const clock = new FakeClock();
    const check = leakCheck({ emitters: { parent: emitter }, clocks: [clock], pauses: 1 });
    emitter.on('cancelled', () => {});
    clock.setTimer(() => {}, 5);
    await expect(check.expectNothingLeft()).rejects.toThrow(
      "listeners on parent 'cancelled': 1 more; timers of a fake clock: 1",
    );
  });
});
