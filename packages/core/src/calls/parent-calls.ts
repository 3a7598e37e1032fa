import { propagate, status, type ChannelInterface } from '@grpc/grpc-js';
import { LinkedList, ListNode } from '../lists/linked-list.js';

/** The server call that a call is made for, as interceptors and clients hand it over. */
export type ParentCall = NonNullable<Parameters<ChannelInterface['createCall']>[3]>;

/** Where a call stands among the children of its parent. */
class PlaceAtParent extends ListNode<ChildCall> {
  constructor(readonly parent: ParentCall) {
    super();
  }
}

/** A call that ends with its parent. */
export interface ChildCall {
  /** Set while it is attached. */
  placeAtParent?: PlaceAtParent | undefined;
  cancelWithStatus(code: status, details: string): void;
}

interface Link {
  readonly children: LinkedList<ChildCall>;
  readonly onCancelled: () => void;
}

const links = new WeakMap<ParentCall, Link>();

/** True where the flags ask for it; none given means all, as in grpc-js. */
export function propagates(flags: number | null | undefined, what: propagate): boolean {
  return ((flags ?? propagate.DEFAULTS) & what) !== 0;
}

/**
 * Ends a call when its parent is cancelled, until it is detached. One listener a parent, however many children: grpc-js
 * adds one for each and never removes it.
 */
export function attachToParent(parent: ParentCall, child: ChildCall): void {
  if (parent.cancelled) {
    child.cancelWithStatus(status.CANCELLED, 'Cancelled by parent call');
    return;
  }
  let link = links.get(parent);
  if (link === undefined) {
    const children = new LinkedList<ChildCall>();
    const onCancelled = (): void => {
      for (const each of children.toArray()) each.cancelWithStatus(status.CANCELLED, 'Cancelled by parent call');
    };
    link = { children, onCancelled };
    links.set(parent, link);
    parent.on('cancelled', onCancelled);
  }
  if (child.placeAtParent !== undefined) return;
  child.placeAtParent = new PlaceAtParent(parent);
  link.children.push(child.placeAtParent, child);
}

/** Ends the tie; harmless when there is none. */
export function detachFromParent(parent: ParentCall, child: ChildCall): void {
  const link = links.get(parent);
  const { placeAtParent } = child;
  if (link === undefined || placeAtParent?.parent !== parent) return;
  child.placeAtParent = undefined;
  link.children.remove(placeAtParent);
  if (link.children.size > 0) return;
  links.delete(parent);
  parent.removeListener('cancelled', link.onCancelled);
}
