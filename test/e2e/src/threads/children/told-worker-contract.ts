/** Where the threads of a test and the test meet. */
export const ORDERS = 'grpc-manifold told worker';

/** What a thread is told: `how` it is to come to its end, or what it is to do. */
export type WorkerOrder =
  | { readonly thread: number; readonly how: 'throws' | 'rejects' | 'runs out of memory' | 'exits' }
  | { readonly thread: number; readonly how: 'tells its heap' }
  /** Its sockets end with the error of a system call. */
  | { readonly thread: number; readonly how: 'loses its sockets'; readonly code: string };

/** What a thread tells. */
export type WorkerTold =
  { readonly kind: 'here'; readonly thread: number } | { readonly kind: 'heap'; readonly bytes: number };
