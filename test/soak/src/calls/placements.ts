import type { Metadata } from '@grpc/grpc-js';
import type { CallInfo, ChannelPoolOptions } from 'grpc-manifold';

type Picker = Exclude<ChannelPoolOptions['picker'], string | undefined>;
type MemberView = Parameters<Picker['pick']>[0][number];

/** The request metadata that names a call. */
export const CALL_ID = 'x-soak-call';

/** The name that metadata give a call. */
export function callIdOf(metadata: Metadata): number {
  return Number(metadata.get(CALL_ID)[0]);
}

/**
 * Knows which of the pool's connections carries which call, and which connection of a proxy that is. It is the picker
 * that puts calls there; an answer tells from which port the server got the call, and so a port is found for a
 * connection.
 */
export class Placements implements Picker {
  readonly #memberOfCall = new Map<number, number>();
  readonly #answersOfMember = new Map<number, Map<number, number>>();
  #turn = 0;

  /** Least streams, the first of the equals another one each time. */
  pick(members: readonly MemberView[], call: CallInfo): MemberView | undefined {
    let best: MemberView | undefined;
    this.#turn += 1;
    for (let index = 0; index < members.length; index += 1) {
      const member = members[(index + this.#turn) % members.length] as MemberView;
      if (best === undefined || member.usedStreams < best.usedStreams) best = member;
    }
    if (best !== undefined) this.#memberOfCall.set(callIdOf(call.metadata), best.id);
    return best;
  }

  /** An answer to the call came from a connection that the server sees at this port. */
  answered(callId: number, port: number): void {
    const member = this.#memberOfCall.get(callId);
    if (member === undefined) return;
    let answers = this.#answersOfMember.get(member);
    if (answers === undefined) this.#answersOfMember.set(member, (answers = new Map()));
    answers.set(port, (answers.get(port) ?? 0) + 1);
  }

  /** The connection that carried a call; undefined when none did. */
  memberOf(callId: number): number | undefined {
    return this.#memberOfCall.get(callId);
  }

  /**
   * The port of a connection; undefined while no call on it has been answered. The one that most answers came from: a
   * call that is tried again goes elsewhere without a pick.
   */
  portOf(member: number): number | undefined {
    const answers = [...(this.#answersOfMember.get(member) ?? [])];
    return answers.sort(([, one], [, other]) => other - one)[0]?.[0];
  }

  /** The ports that are known to be of a connection. */
  knownPorts(): ReadonlySet<number> {
    return new Set([...this.#answersOfMember.keys()].map((member) => this.portOf(member) as number));
  }

  forgetCall(callId: number): void {
    this.#memberOfCall.delete(callId);
  }
}
