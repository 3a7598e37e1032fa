import { propagate, status, type ChannelInterface } from '@grpc/grpc-js';
import { LinkedList, ListNode } from '../lists/linked-list.js';

/** The server call that a call is made for, as interceptors and clients hand it over. */
export type ParentCall = NonNullable<Parameters<ChannelInterface['createCall']>[3]>;

/** The node of a call in the list of its parent's children. */
class ChildNode extends ListNode<ChildCall> {
  constructor(readonly parent: ParentCall) {
    super();
  }
}

/** A call that ends with its parent. */
export interface ChildCall {
  /** Set while the call is attached to a parent. */
  childNode?: ChildNode | undefined;
  cancelWithStatus(code: status, details: string): void;
}

interface Link {
  readonly children: LinkedList<ChildCall>;
  readonly onCancelled: () => void;
}

const links = new WeakMap<ParentCall, Link>();

/** True when the propagation flags contain `what`. Without flags everything is propagated, as in grpc-js. */
export function propagates(flags: number | null | undefined, what: propagate): boolean {
  return ((flags ?? propagate.DEFAULTS) & what) !== 0;
}

/**
 * Cancels a call when its parent is cancelled, until {@link detachFromParent} is called. All children of a parent share
 * one listener: grpc-js adds a listener for each child and never removes it.
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
  if (child.childNode !== undefined) return;
  child.childNode = new ChildNode(parent);
  link.children.push(child.childNode, child);
}

/** Detaches a call from its parent. Does nothing when the call is not attached. */
export function detachFromParent(parent: ParentCall, child: ChildCall): void {
  const link = links.get(parent);
  const { childNode } = child;
  if (link === undefined || childNode?.parent !== parent) return;
  child.childNode = undefined;
  link.children.remove(childNode);
  if (link.children.size > 0) return;
  links.delete(parent);
  parent.removeListener('cancelled', link.onCancelled);
}
