/** Tells the operator of something that no caller can be told: a process warning named `GrpcManifoldWarning`. */
export function warn(message: string): void {
  process.emitWarning(message, 'GrpcManifoldWarning');
}
