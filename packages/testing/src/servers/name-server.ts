import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';

/** RCODE of RFC 1035, section 4.1.1: the name does not exist. dns-packet keeps it in the lower bits of the flags. */
const NAME_ERROR = 3;

/** A DNS server that gives the same answer for every name. */
export class NameServer implements AsyncDisposable {
  /** The IPv4 addresses of every name. When it is empty, the names do not exist. */
  addresses: readonly string[] = [];
  /** The number of queries for IPv4 addresses. */
  questions = 0;

  private constructor(private readonly socket: Socket) {
    socket.on('message', (bytes, from) => {
      const query = decode(bytes);
      const isForIpv4 = query.questions?.[0]?.type === 'A';
      if (isForIpv4) this.questions += 1;
      const name = query.questions?.[0]?.name ?? '';
      const answers = isForIpv4 ? this.addresses.map((data) => ({ type: 'A' as const, name, ttl: 0, data })) : [];
      const rcode = this.addresses.length === 0 ? NAME_ERROR : 0;
      const flags = AUTHORITATIVE_ANSWER | rcode;
      const { id = 0, questions = [] } = query;
      socket.send(encode({ type: 'response', id, flags, questions, answers }), from.port, from.address);
    });
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  /** The authority of a target: `127.0.0.1:port` in `dns://127.0.0.1:port/name`. */
  get authority(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}
