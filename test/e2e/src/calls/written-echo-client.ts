import {
  Client,
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
} from '@grpc/grpc-js';
import { loadEchoPackage, type EchoCallback, type EchoRequest, type EchoResponse } from '@grpc-manifold/testing';

const { service } = loadEchoPackage();

/** A client of the Echo service in the shape of generated ones: a class with a method for each RPC. */
export class WrittenEchoClient extends Client {
  static readonly serviceName = 'manifold.testing.v1.Echo';

  // As generators write it: grpc-js's own type of the options, not a partial one.
  constructor(address: string, credentials: ChannelCredentials, options?: ClientOptions) {
    super(address, credentials, options);
  }

  unary(request: EchoRequest, callback: EchoCallback): ClientUnaryCall {
    const { path, requestSerialize, responseDeserialize } = service.Unary;
    return this.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, callback);
  }

  serverStream(request: EchoRequest, options: CallOptions = {}): ClientReadableStream<EchoResponse> {
    const { path, requestSerialize, responseDeserialize } = service.ServerStream;
    return this.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), options);
  }

  clientStream(callback: EchoCallback): ClientWritableStream<EchoRequest> {
    const { path, requestSerialize, responseDeserialize } = service.ClientStream;
    return this.makeClientStreamRequest(path, requestSerialize, responseDeserialize, callback);
  }

  bidi(): ClientDuplexStream<EchoRequest, EchoResponse> {
    const { path, requestSerialize, responseDeserialize } = service.Bidi;
    return this.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }
}
