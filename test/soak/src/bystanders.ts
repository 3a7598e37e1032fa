import { status, type StatusObject } from '@grpc/grpc-js';
import { explain } from 'grpc-manifold';
import type { CallPlan } from './calls/call-plan.js';
import type { CallEnding } from './calls/ledger.js';
import type { Placements } from './calls/placements.js';
import type { TouchedConnections } from './faults/fault-record.js';
import type { Violations } from './violations.js';

/** Sees to it that only calls on connections that a fault touched fail for the connection's sake. */
export class Bystanders {
  readonly #placements: Placements;
  readonly #touched: TouchedConnections;
  readonly #isServerStruck: () => boolean;
  readonly #violations: Violations;

  constructor(
    placements: Placements,
    touched: TouchedConnections,
    isServerStruck: () => boolean,
    violations: Violations,
  ) {
    this.#placements = placements;
    this.#touched = touched;
    this.#isServerStruck = isServerStruck;
    this.#violations = violations;
  }

  /** Judges how a call ended. */
  judge(id: number, ending: CallEnding, received: StatusObject, plan: CallPlan): void {
    if (ending === 'failed') this.#judgeFailure(id, received, plan);
    // With a server struck the pool may for a moment have no connection at all.
    if (ending === 'refused' && !this.#isServerStruck()) {
      this.#complain('no call is refused while a server is well', received, plan);
    }
    this.#placements.forgetCall(id);
  }

  #judgeFailure(id: number, received: StatusObject, plan: CallPlan): void {
    const member = this.#placements.memberOf(id);
    const port = member === undefined ? undefined : this.#placements.portOf(member);
    // A connection on which nothing was ever answered has no known port; then one that was touched and is no other's
    // will do.
    const fault =
      port === undefined ? this.#touched.faultElsewhere(this.#placements.knownPorts()) : this.#touched.faultOn(port);
    if (fault === undefined) this.#complain('no bystander is hurt', received, plan, member);
    else fault.countFailedCall();
  }

  #complain(kind: string, { code, details, metadata }: StatusObject, plan: CallPlan, member?: number): void {
    const explanation = JSON.stringify(explain({ code, details, metadata }));
    const where = member === undefined ? '' : ` on connection ${member}`;
    this.#violations.add(kind, `${plan.kind}${where}: ${status[code]}: ${details} ${explanation}`);
  }
}
