import { beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from './call-kind.js';
import { runCell, type CellReport } from './cell.js';
import type { Fault, Sights } from './fault.js';
import { POOL_SIZE } from './scene.js';
import type { Servers } from './servers.js';

/** Lets both kinds of call meet each fault. @param onReport is given what was seen, in order. */
export function describeFaults(
  faults: readonly Fault[],
  servers: Servers,
  onReport: (report: CellReport) => void = () => undefined,
): void {
  describe.each(faults)('$title', (fault) => {
    describe.each(KINDS)('a %s call', (kind) => {
      const expected = fault.expected(kind);
      let report: CellReport;

      beforeAll(async () => {
        report = await runCell(fault, kind, servers);
        onReport(report);
      });

      it('gets exactly one status, and so does every other', () => {
        expect(report.mistold).toEqual([]);
      });

      it(`sees ${sightsOf(expected.saw)}`, () => {
        expect(report.saw).toEqual(expected.saw);
        expect(report.retried).toBe(expected.retried ?? 0);
      });

      it(`is told of by the pool as ${expected.lastFault ?? 'nothing'}`, () => {
        expect(report.lastFault).toBe(expected.lastFault);
      });

      it(`touches ${expected.touched} connections, and no stream on another`, () => {
        expect(report.touched).toBe(expected.touched);
        expect(report.bystanders.filter((code) => code !== 'OK')).toEqual([]);
      });

      it(`leaves a whole pool of ${POOL_SIZE} connections, of ${expected.connections} that were made`, () => {
        expect(report.connections).toBe(expected.connections);
        if (expected.elsewhere !== undefined) expect(report.elsewhere).toBe(expected.elsewhere);
      });

      it('leaves the counters at rest, and no socket, timer or listener', () => {
        expect(report.restless).toEqual([]);
        expect(report.leftovers).toEqual([]);
      });
    });
  });
}

function sightsOf(saw: Sights): string {
  return Object.entries(saw)
    .map(([role, sight]) => `${role}: ${sight}`)
    .join('; ');
}
