/// <reference lib="esnext.disposable" preserve="true" />
export { Condition } from './clock/condition.js';
export { FakeClock } from './clock/fake-clock.js';
export { seededRandom } from './clock/seeded-random.js';
export { ModelServer, type ModelServerOptions } from './scenes/model-server.js';
export { ModelClient, type ModelClientOptions, type ModelLimit, type ModelSecond } from './scenes/model-client.js';
export { memberViews, type TestMember } from './scenes/member-views.js';
export { channelView, poolView } from './scenes/pool-view.js';
export { ClientCall } from './scenes/client-call.js';
export { ScriptedCall, type ScriptedCallHost } from './scripted/scripted-call.js';
export { InterceptedScene, type InterceptedCallOptions } from './scenes/intercepted-scene.js';
export { ScriptedInnerCall, ScriptedInnerCalls } from './scripted/scripted-inner-call.js';
export { ScriptedClient } from './scripted/scripted-client.js';
export { SCRIPTED_TARGET, ScriptedChannel } from './scripted/scripted-channel.js';
export {
  NOTHING_LEFT,
  ScriptedScene,
  ScriptedScenes,
  settled,
  type SceneCallOptions,
  type SceneEnvironment,
  type ScenePool,
} from './scripted/scripted-scene.js';
export {
  echoProtoPath,
  loadEchoPackage,
  type EchoCallback,
  type EchoClient,
  type EchoClientConstructor,
  type EchoDetails,
  type EchoPackage,
  type EchoRequest,
  type EchoResponse,
  type EchoServiceDefinition,
} from './servers/echo-service.js';
export type { EchoServer, EchoServerOptions } from './servers/echo-server.js';
export { startEchoServer, startNginxServer } from './servers/start-echo-server.js';
export { chosenPeer, peerSupports, PEERS, type PeerFeature, type PeerName } from './peers/peer.js';
export { missingForPeer, type LiveProgram } from './peers/missing-programs.js';
export { NameServer } from './servers/name-server.js';
export { startHaproxyServer, type HaproxyOptions, type HaproxyServer } from './peers/haproxy.js';
export { buildGrpcGo } from './peers/grpc-go-build.js';
export type { NginxServer } from './peers/nginx.js';
export type { EchoServerStats } from './servers/echo-stats.js';
export { startFaultProxy, type FaultProxy, type FaultProxyOptions, type ProxiedServer } from './proxies/fault-proxy.js';
export { startForgetfulProxy, type ForgetfulProxy, type ForgetfulProxyOptions } from './proxies/forgetful-proxy.js';
export type { ProxiedConnection, ProxyDirection } from './proxies/proxied-connection.js';
export { selfSignedCertificate, type CertificateKind, type SelfSignedCertificate } from './servers/self-signed.js';
export { encodeFrame, FrameDecoder, type Http2Frame, type Http2Settings } from './scripted/http2-frame.js';
export { encodeHeaderBlock } from './scripted/header-block.js';
export type { PeerConnection, PeerScript } from './scripted/peer-connection.js';
export type { PeerResponse } from './scripted/peer-response.js';
export { startScriptedPeer, type ScriptedPeer } from './scripted/scripted-peer.js';
export {
  startSilentAfterTlsPeer,
  startSilentPeer,
  startSilentTlsPeer,
  type SilentPeer,
} from './scripted/silent-peer.js';
export { startUnansweredPeer, type UnansweredPeer } from './scripted/unanswered-peer.js';
export { eventually, until } from './clock/until.js';
export { later, RealTimer, repeatedly, timePasses } from './clock/real-time.js';
export { OpenWait } from './clock/open-wait.js';
export { leakCheck, type LeakCheck, type LeakCheckOptions } from './process/leak-check.js';
export { collectGarbage } from './process/collect-garbage.js';
export { UncaughtExceptions } from './process/uncaught-exceptions.js';
