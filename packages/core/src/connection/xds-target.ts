/** True for an `xds:` target: a control plane decides how many connections its channels have and balances over them. */
export function isXdsTarget(target: string): boolean {
  return target.startsWith('xds:');
}
