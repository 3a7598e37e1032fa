/// <reference lib="esnext.disposable" preserve="true" />
/** What the packages of grpc-manifold share with each other. It may change in any release. */
export { cancelWhenDestroyed, type DestroyableStream, type MessageCount } from './open-streams/destroyed-stream.js';
