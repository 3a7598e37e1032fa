import { OwnedReadable } from './owned-readable.js';
import type { ScopedDuplex } from '../scope/scoped-duplex.js';

/** A bidirectional stream, as its owner holds it. */
export class OwnedDuplex<Req, Res> extends OwnedReadable<Res> implements ScopedDuplex<Req, Res> {
  write(message: Req): Promise<void> {
    return this.state.write(message);
  }

  finish(): Promise<void> {
    return this.state.halfClose();
  }
}
