import type { ChannelInterface, connectivityState } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import type { MessageCount } from '@grpc-manifold/stream-scope/internal';

type Listener = Parameters<ChannelCall['start']>[1];

/**
 * A client's channel as one stream of it sees it, with the messages of that stream counted. Below the interceptors,
 * which it leaves as they are: an interceptor of ours would replace those of the client, or be replaced by those of a
 * call; and it sees every message once, whatever they do with it.
 */
export class CountedChannel implements ChannelInterface {
  constructor(
    private readonly channel: ChannelInterface,
    private readonly count: MessageCount,
  ) {}

  createCall(...call: Parameters<ChannelInterface['createCall']>): ChannelCall {
    return new CountedCall(this.channel.createCall(...call), this.count);
  }

  close(): void {
    this.channel.close();
  }

  getTarget(): string {
    return this.channel.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    return this.channel.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...watch: Parameters<ChannelInterface['watchConnectivityState']>): void {
    this.channel.watchConnectivityState(...watch);
  }

  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return this.channel.getChannelzRef();
  }
}

class CountedCall implements ChannelCall {
  constructor(
    private readonly call: ChannelCall,
    private readonly count: MessageCount,
  ) {}

  start(metadata: Parameters<ChannelCall['start']>[0], listener: Listener): void {
    this.call.start(metadata, {
      onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
      onReceiveMessage: (message: unknown) => {
        this.count.received();
        listener.onReceiveMessage(message);
      },
      onReceiveStatus: (status) => listener.onReceiveStatus(status),
    });
  }

  sendMessageWithContext(...message: Parameters<ChannelCall['sendMessageWithContext']>): void {
    this.count.sent();
    this.call.sendMessageWithContext(...message);
  }

  startRead(): void {
    this.call.startRead();
  }

  halfClose(): void {
    this.call.halfClose();
  }

  cancelWithStatus(...status: Parameters<ChannelCall['cancelWithStatus']>): void {
    this.call.cancelWithStatus(...status);
  }

  setCredentials(...credentials: Parameters<ChannelCall['setCredentials']>): void {
    this.call.setCredentials(...credentials);
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  getCallNumber(): number {
    return this.call.getCallNumber();
  }

  getAuthContext(): ReturnType<ChannelCall['getAuthContext']> {
    return this.call.getAuthContext();
  }
}
