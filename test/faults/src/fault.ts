import type { TransportFaultTag } from '@grpc-manifold/core';
import type { Kind } from './call-kind.js';
import type { Role } from './role.js';
import type { Scene } from './scene.js';
import type { Servers } from './servers.js';

/**
 * The status that calls of a role ended with and, where it explains one, the tag of the fault: 'UNAVAILABLE reset'. Two
 * that differ stand beside each other, with 'or' between them.
 */
export type Sights = Readonly<Partial<Record<Role, string>>>;

/** What a fault brings about. */
export interface Expected {
  readonly saw: Sights;
  /** What `stats().lastFault` says afterwards. Default: nothing, the connections are well. */
  readonly lastFault?: TransportFaultTag;
  /** Connections that were ready when the fault struck and are lost by it. */
  readonly touched: number;
  /** Connections that the other end has seen, in all. */
  readonly connections: number;
  /** Those of them that another end has seen than the one that the pool began with. Default: not asked. */
  readonly elsewhere?: number;
  /** Calls that were tried on another connection. Default 0. */
  readonly retried?: number;
}

/** One way in which a connection, a server or a name goes wrong. */
export interface Fault {
  /** Tags that chance may put in the place of others, each with the one that counts for both. Default: none. */
  readonly mayBeToldAs?: Partial<Record<TransportFaultTag, TransportFaultTag>>;
  readonly title: string;
  /** True when a real server meets it as the scripted peer does: it can be brought about from outside. */
  readonly isLive: boolean;
  /** True when the pool sends PINGs more often than a server permits that was not told otherwise. Default false. */
  readonly sendsPings?: boolean;
  /** Starts what must be there before the scene is: real servers. */
  readonly prepare?: (servers: Servers) => Promise<unknown>;
  /** Sets up the pool and what it connects to. */
  readonly open: (servers: Servers, kind: Kind) => Promise<Scene>;
  /** Begins calls, brings the fault about and, where it lasts, ends it. */
  readonly play: (scene: Scene, kind: Kind) => Promise<void>;
  readonly expected: (kind: Kind) => Expected;
}
