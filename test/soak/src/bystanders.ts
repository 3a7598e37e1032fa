import { status, type StatusObject } from '@grpc/grpc-js';
import { explain } from 'grpc-manifold';
import type { CallPlan } from './calls/call-plan.js';
import type { CallEnding } from './calls/ledger.js';
import type { Placements } from './calls/placements.js';
import type { FaultScript } from './faults/fault-script.js';
import type { TouchedConnections } from './faults/fault-record.js';
import type { Violations } from './violations.js';

/** How a status tells that no server ever began the call. */
const NEVER_BEGUN = /^(Stream refused by server|Channel closed before call started|Not processed by any of)/;

/** Sees to it that only calls on connections that a fault touched fail for the connection's sake. */
export class Bystanders {
  readonly #placements: Placements;
  readonly #touched: TouchedConnections;
  readonly #script: Pick<FaultScript, 'isServerStruck' | 'describeFelt'>;
  readonly #storyOf: (member: number) => string;
  readonly #violations: Violations;
  /**
   * Calls that no server began, and that could not be tried again: the pool keeps nothing of a stream that is written.
   */
  unrepeatableCalls = 0;

  constructor(
    placements: Placements,
    touched: TouchedConnections,
    script: Pick<FaultScript, 'isServerStruck' | 'describeFelt'>,
    storyOf: (member: number) => string,
    violations: Violations,
  ) {
    this.#placements = placements;
    this.#touched = touched;
    this.#script = script;
    this.#storyOf = storyOf;
    this.#violations = violations;
  }

  /** Judges how a call ended. */
  judge(id: number, ending: CallEnding, received: StatusObject, plan: CallPlan): void {
    if (ending === 'failed') this.#judgeFailure(id, received, plan);
    // With a server struck the pool may for a moment have no connection at all. One that would miss its deadline in the
    // queue may be told so at any time.
    if (ending === 'refused' && explain(received)?.refusedBy !== 'early-drop' && !this.#script.isServerStruck) {
      this.#complain('no call is refused while a server is well', received, plan);
    }
    this.#placements.forgetCall(id);
  }

  #judgeFailure(id: number, received: StatusObject, plan: CallPlan): void {
    const member = explain(received)?.channelId ?? this.#placements.memberOf(id);
    const port = member === undefined ? undefined : this.#placements.portOf(member);
    // A connection on which nothing was ever answered has no known port; then one that was touched and is no other's
    // will do.
    const fault =
      port === undefined ? this.#touched.faultElsewhere(this.#placements.knownPorts()) : this.#touched.faultOn(port);
    if (fault !== undefined) fault.countFailedCall();
    else if (isWritten(plan) && NEVER_BEGUN.test(received.details)) this.unrepeatableCalls += 1;
    else this.#complain('no bystander is hurt', received, plan, member);
  }

  #complain(kind: string, { code, details, metadata }: StatusObject, plan: CallPlan, member?: number): void {
    const explanation = JSON.stringify(explain({ code, details, metadata }));
    const where = member === undefined ? '' : ` on ${this.#storyOf(member)}`;
    this.#violations.add(
      kind,
      `${plan.kind}${where}: ${status[code]}: ${details} ${explanation}; faults: ${this.#script.describeFelt()}`,
    );
  }
}

function isWritten({ kind }: CallPlan): boolean {
  return kind.endsWith('client-stream') || kind.endsWith('bidi');
}
