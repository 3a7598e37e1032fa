/** More interceptors than anybody has. */
const MAX_DEPTH = 64;

/**
 * Tells the method of a stream of grpc-js, which has it in its innermost call only. None of that is public: where it
 * looks different the method is 'unknown'.
 */
export function methodPath(stream: unknown): string {
  try {
    let call = (stream as { call?: unknown }).call;
    for (let depth = 0; depth < MAX_DEPTH && typeof call === 'object' && call !== null; depth += 1) {
      const { methodDefinition, nextCall } = call as { methodDefinition?: { path?: unknown }; nextCall?: unknown };
      if (typeof methodDefinition?.path === 'string') return methodDefinition.path;
      call = nextCall;
    }
  } catch {
    // An interceptor may return whatever it likes.
  }
  return 'unknown';
}
