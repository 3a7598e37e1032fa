/** True for a target whose channels have as many connections as a control plane says, with balancing of their own. */
export function isXdsTarget(target: string): boolean {
  return target.startsWith('xds:');
}
