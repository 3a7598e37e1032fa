/** Throws unless it holds. Cheap when it does: it is asked very often. */
export function must(holds: boolean, what: string, ...facts: unknown[]): void {
  if (!holds) throw new Error(`${what}: ${facts.map((fact) => JSON.stringify(fact)).join(', ')}`);
}
