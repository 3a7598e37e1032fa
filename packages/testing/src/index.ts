/// <reference lib="esnext.disposable" />
export { FakeClock } from './fake-clock.js';
export { seededRandom } from './seeded-random.js';
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
export { startEchoServer, type EchoServer, type EchoServerOptions } from './echo-server.js';
export type { EchoServerStats } from './echo-stats.js';
export { startFaultProxy, type FaultProxy, type FaultProxyOptions } from './fault-proxy.js';
export type { ProxiedConnection, ProxyDirection } from './proxied-connection.js';
export { selfSignedCertificate, type SelfSignedCertificate } from './self-signed.js';
