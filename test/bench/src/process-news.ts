import { once } from 'node:events';

/** What a process of the bench tells it, told apart by `kind`. */
interface News {
  readonly kind: string;
}

/**
 * Makes what waits for the next news of a kind from a process; news of other kinds that come before are passed over.
 */
export function newsFrom<All extends News>(
  child: NodeJS.EventEmitter,
): <Kind extends All['kind']>(kind: Kind, signal?: AbortSignal) => Promise<Extract<All, { kind: Kind }>> {
  return async (kind, signal) => {
    for (;;) {
      const [message] = (await once(child, 'message', signal === undefined ? {} : { signal })) as [All];
      if (message.kind === kind) return message as Extract<All, { kind: typeof kind }>;
    }
  };
}
