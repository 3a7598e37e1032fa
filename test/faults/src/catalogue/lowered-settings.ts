import type { Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';
import { ScriptedEcho } from '../scripted-echo.js';

/** The server allows fewer streams than are open. */
export const LOWERED_SETTINGS: Fault = {
  title: 'SETTINGS below use',
  isLive: false,
  open: async () => Scene.open({ upstream: await ScriptedEcho.start({ maxConcurrentStreams: 10 }) }),
  async play(scene, kind) {
    await scene.warmUp();
    await scene.standBy(BYSTANDERS);
    const victim = scene.peerConnection(VICTIM);
    const calls = [];
    for (let count = 0; count < 3; count += 1) calls.push(await scene.begun('in flight', kind, { member: VICTIM }));
    const acknowledged = (): number => victim.frames.filter((frame) => frame.kind === 'settings-ack').length;
    const before = acknowledged();
    scene.struck();
    victim.sendSettings({ maxConcurrentStreams: 1 });
    await victim.waitFor(() => acknowledged() > before);
    // At once, but where connections live in threads: there they are looked at every 20 ms.
    await scene.sees(() => scene.limitOf(VICTIM) === 1);
    const streams = victim.headersReceived;
    await scene.begin('begun after', kind, { member: VICTIM }).outcome;
    if (victim.headersReceived > streams) throw new Error('a call was put on the connection that is over its limit');
    if (kind === 'unary') scene.echo.answerAll(victim);
    for (const call of calls) await call.finish();
    scene.over();
  },
  expected: () => ({ saw: { 'in flight': 'OK', 'begun after': 'OK' }, touched: 0, connections: 3 }),
};
