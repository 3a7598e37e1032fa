/** A picker's view of a connection that a test can change. */
export interface TestMember {
  readonly id: number;
  usedStreams: number;
  maxConcurrentStreams: number;
  connectedMs: number;
}

/** Creates connections with the given numbers of streams in use. Their ids count from 1. */
export function memberViews(...usedStreams: number[]): TestMember[] {
  return usedStreams.map((used, index) => ({
    id: index + 1,
    usedStreams: used,
    maxConcurrentStreams: 100,
    connectedMs: 1_000,
  }));
}
