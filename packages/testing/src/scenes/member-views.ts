/** What a picker sees of a connection, for a test to change. */
export interface TestMember {
  readonly id: number;
  usedStreams: number;
  maxConcurrentStreams: number;
  connectedMs: number;
}

/** Makes connections with that many streams in use, numbered from 1. */
export function memberViews(...usedStreams: number[]): TestMember[] {
  return usedStreams.map((used, index) => ({
    id: index + 1,
    usedStreams: used,
    maxConcurrentStreams: 100,
    connectedMs: 1_000,
  }));
}
