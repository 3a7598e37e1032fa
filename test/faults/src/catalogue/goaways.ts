import type { TransportFaultTag } from '@grpc-manifold/core';
import type { Kind } from '../call-kind.js';
import type { Expected, Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';
import { ScriptedEcho } from '../scripted-echo.js';

/** One call that the server has begun and one that it says it has not, and then the GOAWAY. */
async function sayGoaway(scene: Scene, kind: Kind, code: number, words: string): Promise<void> {
  await scene.warmUp();
  await scene.standBy(BYSTANDERS);
  const victim = scene.peerConnection(VICTIM);
  const inFlight = await scene.begun('in flight', kind, { member: VICTIM });
  const lastBegun = victim.lastStreamId;
  scene.echo.behave(victim, 'hold');
  scene.begin('not begun', kind, { member: VICTIM, isOneRequest: true });
  if (kind === 'streaming') scene.begin('not begun, has written', kind, { member: VICTIM });
  const isThere = (id: number): boolean => scene.echo.hasRequest(victim, id);
  // The ids that a client gives are odd.
  await victim.waitFor(() => isThere(lastBegun + 2) && (kind === 'unary' || isThere(lastBegun + 4)));
  scene.struck();
  victim.sendGoaway(code, lastBegun, words);
  await scene.until(() => scene.touchedIds.length > 0);
  scene.begin('begun after', kind);
  if (code === 0) {
    // What it had begun it also ends.
    scene.echo.behave(victim, 'answer');
    if (kind === 'streaming') await inFlight.roundTrip();
    else scene.echo.answerAll(victim);
    await inFlight.finish();
  }
}

function goaway(code: number, title: string, inFlight: string, lastFault: TransportFaultTag, words = ''): Fault {
  const expected = (kind: Kind): Expected => ({
    saw: {
      'in flight': inFlight,
      'not begun': 'OK',
      ...(kind === 'streaming' ? { 'not begun, has written': 'OK' } : {}),
      'begun after': 'OK',
    },
    lastFault,
    touched: 1,
    connections: 4,
    retried: kind === 'streaming' ? 2 : 1,
  });
  return {
    title,
    isLive: false,
    open: async () => Scene.open({ upstream: await ScriptedEcho.start() }),
    play: (scene, kind) => sayGoaway(scene, kind, code, words),
    expected,
  };
}

/** The server ends a connection by GOAWAY (RFC 9113, section 6.8). */
export const GOAWAYS: readonly Fault[] = [
  goaway(0, 'GOAWAY 0 (no error)', 'OK', 'goaway'),
  goaway(2, 'GOAWAY 2 (internal error)', 'INTERNAL goaway', 'goaway'),
  goaway(11, 'GOAWAY 11 (`too_many_pings`)', 'RESOURCE_EXHAUSTED too-many-pings', 'too-many-pings', 'too_many_pings'),
  goaway(11, 'GOAWAY 11 (enhance your calm)', 'RESOURCE_EXHAUSTED rapid-reset', 'rapid-reset'),
];
