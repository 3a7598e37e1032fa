import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface Topic {
  readonly name: string;
  readonly fromNumber: number;
}

export interface Story {
  readonly number: number;
  readonly headline: string;
}

export interface Chunk {
  readonly content: Buffer;
}

export interface Receipt {
  readonly receivedBytes: number;
}

export interface Line {
  readonly author: string;
  readonly text: string;
}

/** The client that proto-loader makes of `proto/newsroom.proto`, typed. */
export interface NewsroomClient extends grpc.Client {
  follow(topic: Topic): grpc.ClientReadableStream<Story>;
  submit(callback: grpc.requestCallback<Receipt>): grpc.ClientWritableStream<Chunk>;
  chat(): grpc.ClientDuplexStream<Line, Line>;
}

interface NewsroomConstructor {
  new (target: string, credentials: grpc.ChannelCredentials, options?: grpc.ClientOptions): NewsroomClient;
  readonly service: grpc.ServiceDefinition;
}

const protoFile = fileURLToPath(new URL('../proto/newsroom.proto', import.meta.url));
const loaded = grpc.loadPackageDefinition(loadSync(protoFile, { longs: Number, defaults: true })) as unknown as {
  newsroom: { v1: { Newsroom: NewsroomConstructor } };
};

/** The generated client class, unchanged. */
export const Newsroom = loaded.newsroom.v1.Newsroom;
