import type { Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';
import { ScriptedEcho } from '../scripted-echo.js';

/** More than the window of 65,535 bytes that a connection begins with (RFC 9113, section 6.9.2). */
const LARGE = { payload: Buffer.alloc(200_000) };

/** The server answers PINGs and reads no requests, so that the window of one connection is used up. */
export const SLOW_READER: Fault = {
  title: 'slow reader',
  isLive: false,
  open: async () => Scene.open({ upstream: await ScriptedEcho.start() }),
  async play(scene, kind) {
    await scene.warmUp();
    await scene.standBy(BYSTANDERS);
    const victim = scene.peerConnection(VICTIM);
    scene.struck();
    scene.echo.behave(victim, 'slow');
    const patient = scene.begin('without a deadline', kind, { member: VICTIM, request: LARGE });
    await scene.begin('with a deadline', kind, { member: VICTIM, request: LARGE, timeoutMs: 200 }).outcome;
    await scene.begin('begun after', kind).outcome;
    scene.echo.behave(victim, 'answer');
    scene.over();
    await patient.outcome;
  },
  expected: () => ({
    saw: { 'with a deadline': 'DEADLINE_EXCEEDED', 'without a deadline': 'OK', 'begun after': 'OK' },
    touched: 0,
    connections: 3,
  }),
};
