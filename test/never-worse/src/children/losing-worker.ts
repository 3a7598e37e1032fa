/** The program of a thread whose sockets a case can lose. */
import { loseSocketsWhenTold } from '../socket-loss.js';

loseSocketsWhenTold();
await import('@grpc-manifold/thread-channel/worker');
