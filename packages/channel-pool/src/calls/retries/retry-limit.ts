/** How often a call is tried again that its connection refused; each time on another one. */
const RETRIES = 1;
/**
 * The same for a call that was refused because its connection went away. Each such retry costs a connection, and those
 * are opened one at a time with backoff, so that a server which refuses everything is not called in a loop
 * (docs/decisions/0008).
 */
const RETRIES_AFTER_GOAWAY = 9;

/** True when a call may be tried again. `isLive`: the connection that refused the call is still there. */
export function mayRetry(retries: number, isLive: boolean): boolean {
  return retries < (isLive ? RETRIES : RETRIES_AFTER_GOAWAY);
}
