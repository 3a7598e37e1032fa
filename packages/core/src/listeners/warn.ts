/** Emits a process warning named `GrpcManifoldWarning`, for problems that cannot be reported to a caller. */
export function warn(message: string): void {
  process.emitWarning(message, 'GrpcManifoldWarning');
}
