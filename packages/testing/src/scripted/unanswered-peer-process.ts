/** The child process behind `startUnansweredPeer`: it listens and never accepts. */
import { createServer, type AddressInfo } from 'node:net';

/** How long a look for the parent may be late. */
const LOOK_INTERVAL_MS = 200;

const parentPid = process.ppid;
const server = createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port }, () => {
    // The event loop never turns again, so nothing is accepted. Not SIGSTOP: a stopped process would outlive its
    // parent.
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    while (process.ppid === parentPid) Atomics.wait(nothing, 0, 0, LOOK_INTERVAL_MS);
    process.exit();
  });
});
