/// <reference lib="esnext.disposable" preserve="true" />
export { Condition } from './condition.js';
export { FakeClock } from './fake-clock.js';
export { seededRandom } from './seeded-random.js';
export { ModelServer, type ModelServerOptions } from './model-server.js';
export { ModelClient, type ModelClientOptions, type ModelLimit, type ModelSecond } from './model-client.js';
export { memberViews, type TestMember } from './member-views.js';
export { channelView, poolView } from './pool-view.js';
export { ClientCall } from './client-call.js';
export { ScriptedCall, type ScriptedCallHost } from './scripted-call.js';
export { InterceptedScene, type InterceptedCallOptions } from './intercepted-scene.js';
export { ScriptedInnerCall, ScriptedInnerCalls } from './scripted-inner-call.js';
export { ScriptedClient } from './scripted-client.js';
export { SCRIPTED_TARGET, ScriptedChannel } from './scripted-channel.js';
export {
  NOTHING_LEFT,
  ScriptedScene,
  ScriptedScenes,
  settled,
  type SceneCallOptions,
  type SceneEnvironment,
  type ScenePool,
} from './scripted-scene.js';
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
} from './echo-service.js';
export type { EchoServer, EchoServerOptions } from './echo-server.js';
export { startEchoServer, startNginxServer } from './start-echo-server.js';
export { chosenPeer, peerSupports, PEERS, type PeerFeature, type PeerName } from './peers/peer.js';
export { missingForPeer, type LiveProgram } from './peers/missing-programs.js';
export { NameServer } from './name-server.js';
export { startHaproxyServer, type HaproxyOptions, type HaproxyServer } from './peers/haproxy.js';
export { buildGrpcGo } from './peers/grpc-go-build.js';
export type { NginxServer } from './peers/nginx.js';
export type { EchoServerStats } from './echo-stats.js';
export { startFaultProxy, type FaultProxy, type FaultProxyOptions, type ProxiedServer } from './fault-proxy.js';
export { startForgetfulProxy, type ForgetfulProxy, type ForgetfulProxyOptions } from './forgetful-proxy.js';
export type { ProxiedConnection, ProxyDirection } from './proxied-connection.js';
export { selfSignedCertificate, type CertificateKind, type SelfSignedCertificate } from './self-signed.js';
export { encodeFrame, FrameDecoder, type Http2Frame, type Http2Settings } from './http2-frame.js';
export { encodeHeaderBlock } from './header-block.js';
export type { PeerConnection, PeerResponse, PeerScript } from './peer-connection.js';
export { startScriptedPeer, type ScriptedPeer } from './scripted-peer.js';
export { startSilentAfterTlsPeer, startSilentPeer, startSilentTlsPeer, type SilentPeer } from './silent-peer.js';
export { startUnansweredPeer, type UnansweredPeer } from './unanswered-peer.js';
export { eventually, until } from './until.js';
export { later, RealTimer, repeatedly, timePasses } from './real-time.js';
export { OpenWait } from './open-wait.js';
export { leakCheck, type LeakCheck, type LeakCheckOptions } from './leak-check.js';
export { collectGarbage } from './collect-garbage.js';
export { UncaughtExceptions } from './uncaught-exceptions.js';
