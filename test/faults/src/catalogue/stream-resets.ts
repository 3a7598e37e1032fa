import type { Kind } from '../call-kind.js';
import type { Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';
import { ScriptedEcho } from '../scripted-echo.js';

const REFUSED_STREAM = 7;

async function resetStreams(scene: Scene, kind: Kind, code: number): Promise<void> {
  await scene.warmUp();
  await scene.standBy([...BYSTANDERS, VICTIM]);
  const victim = scene.peerConnection(VICTIM);
  const inFlight = await scene.begun('in flight', kind, { member: VICTIM });
  scene.struck();
  victim.sendRst(victim.lastStreamId, code);
  await inFlight.outcome;
  if (code === REFUSED_STREAM) {
    scene.echo.behave(victim, 'refuse');
    await scene.begin('not begun', kind, { member: VICTIM, isOneRequest: true }).outcome;
    if (kind === 'streaming') await scene.begin('not begun, has written', kind, { member: VICTIM }).outcome;
    scene.echo.behave(victim, 'answer');
    scene.over();
  }
  scene.begin('begun after', kind, { member: VICTIM });
}

function reset(code: number, name: string, inFlight: string): Fault {
  const isRefusal = code === REFUSED_STREAM;
  return {
    title: `RST_STREAM ${code} (${name})`,
    isLive: false,
    open: async () => Scene.open({ upstream: await ScriptedEcho.start() }),
    play: (scene, kind) => resetStreams(scene, kind, code),
    expected: (kind) => ({
      saw: {
        'in flight': inFlight,
        ...(isRefusal ? { 'not begun': 'OK' } : {}),
        ...(isRefusal && kind === 'streaming' ? { 'not begun, has written': 'OK' } : {}),
        'begun after': 'OK',
      },
      touched: 0,
      connections: 3,
      retried: isRefusal ? (kind === 'streaming' ? 2 : 1) : 0,
    }),
  };
}

/** The server ends one stream by RST_STREAM (RFC 9113, section 6.4); the connection goes on. */
export const STREAM_RESETS: readonly Fault[] = [
  reset(0, 'no error', 'INTERNAL'),
  reset(2, 'internal error', 'INTERNAL'),
  reset(REFUSED_STREAM, 'refused', 'UNAVAILABLE refused-stream'),
  reset(8, 'cancel', 'CANCELLED'),
  reset(11, 'enhance your calm', 'RESOURCE_EXHAUSTED rapid-reset'),
];
