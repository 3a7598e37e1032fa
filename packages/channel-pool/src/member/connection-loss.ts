import type { StatusObject } from '@grpc/grpc-js';
import type { TransportFault } from '@grpc-manifold/core';
import { endsCalls, faultOfLostCall, faultOfLostConnection, type Connection } from '@grpc-manifold/core/internal';

/** Tells why a connection was lost, and which calls that has ended. */
export class ConnectionLoss {
  /** The first fault of the connection, if there was one. */
  fault: TransportFault | undefined;

  /** @param isLowOnResets true while the connection has nearly used up its resets. */
  constructor(
    private readonly connection: Pick<Connection, 'session' | 'goaway' | 'error'>,
    private readonly isLowOnResets: () => boolean,
  ) {}

  /** True when everything that was on the connection is lost, so that what ends now ends for that reason. */
  get isTotal(): boolean {
    if (this.fault === undefined) return false;
    const { goaway, session } = this.connection;
    // The connection of a stalled member is still open.
    return goaway === undefined ? session !== 'open' && session !== 'closing' : endsCalls(goaway);
  }

  /** Why grpc-js has no connection any more; undefined when the connection is open and was idle. */
  find(): TransportFault | undefined {
    const { session, goaway, error } = this.connection;
    if (session === 'open') return undefined;
    return faultOfLostConnection({ goaway, error, hasResetMany: this.isLowOnResets() });
  }

  /** The fault of a call that ended because the socket had an error; undefined for all else. */
  ofCall(received: StatusObject): TransportFault | undefined {
    const { error, session } = this.connection;
    const isGone = session === 'destroyed' || (session === 'unseen' && this.fault !== undefined);
    const fault = faultOfLostCall(received, { error, isGone });
    // The member may know better why.
    return fault !== undefined && this.isTotal ? this.fault : fault;
  }
}
