import type { CallState } from '../ending/call-state.js';
import { OwnedStream } from './owned-stream.js';
import type { ScopedUpload } from '../scope/scoped-upload.js';

/** A client stream, as its owner holds it. */
export class OwnedUpload<Req, Res> extends OwnedStream implements ScopedUpload<Req, Res> {
  constructor(
    state: CallState,
    private readonly response: Promise<Res>,
  ) {
    super(state);
  }

  write(message: Req): Promise<void> {
    return this.state.write(message);
  }

  finish(): Promise<Res> {
    void this.state.halfClose();
    // Whoever waits for the response has not forgotten the stream, though he may hold nothing else of it.
    this.state.whenEnded(() => void this);
    return this.response;
  }
}
