import tls from 'node:tls';
import {
  credentials as grpcCredentials,
  type CallCredentials,
  type ChannelCredentials,
  type VerifyOptions,
} from '@grpc/grpc-js';
import { OptionReader } from '@grpc-manifold/core/internal';
import type { CrossingCredentials } from './credentials-recipe.js';

/** What TLS credentials are made of; all are PEM, and optional, as in `credentials.createSsl`. */
export interface TlsCredentialsOptions {
  /**
   * Certificates to trust. Default: those that Node trusts, or the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names.
   */
  readonly rootCerts?: Buffer | null;
  /** The key of the client; needs `certChain`. */
  readonly privateKey?: Buffer | null;
  /** The certificates of the client; needs `privateKey`. */
  readonly certChain?: Buffer | null;
  /** As of grpc-js. A `checkServerIdentity` is a function, and cannot cross to a thread. */
  readonly verifyOptions?: VerifyOptions;
}

const remembered = new WeakMap<ChannelCredentials, TlsCredentials>();

interface TlsCredentials {
  readonly options: TlsCredentialsOptions;
  readonly callCredentials: CallCredentials | undefined;
}

/**
 * Makes TLS credentials that can also cross to a thread: grpc-js's own, which cannot be read back, and beside them what
 * they were made of. Call credentials may be composed with them as usual; those stay on the thread that calls.
 *
 * @throws TypeError naming the option, or what `credentials.createSsl` throws of it.
 */
export function tlsCredentials(options: TlsCredentialsOptions = {}): ChannelCredentials {
  const read = new OptionReader('tlsCredentials', options, ['rootCerts', 'privateKey', 'certChain', 'verifyOptions']);
  const { rootCerts, privateKey, certChain } = options;
  const verifyOptions = read.optionalObject('verifyOptions');
  const made = grpcCredentials.createSsl(rootCerts, privateKey, certChain, verifyOptions);
  const copies = {
    rootCerts: copyOf(rootCerts) ?? trustedHere(),
    privateKey: copyOf(privateKey),
    certChain: copyOf(certChain),
    verifyOptions: { ...verifyOptions },
  };
  return remembering(made, { options: copies, callCredentials: undefined });
}

/** A copy in memory of its own, as createSsl makes one: the owner of the original may change or clear it. */
function copyOf(pem: Buffer | null | undefined): Buffer | null {
  if (pem === null || pem === undefined) return null;
  const copy = Buffer.allocUnsafeSlow(pem.length);
  pem.copy(copy);
  return copy;
}

/**
 * The certificates that this thread trusts, where it was told so by `tls.setDefaultCACertificates` (Node 22.19, 24.5):
 * that is for one thread only. Null where every thread trusts the same.
 */
function trustedHere(): Buffer | null {
  const { getCACertificates } = tls as {
    getCACertificates?: (kind: 'default' | 'bundled' | 'system' | 'extra') => readonly string[];
  };
  if (getCACertificates === undefined || process.env['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'] !== undefined) return null;
  // The same certificate comes with its lines broken in one way or another.
  const all = (...kinds: Parameters<typeof getCACertificates>[0][]): Set<string> =>
    new Set(kinds.flatMap((kind) => getCACertificates(kind).map((certificate) => certificate.replaceAll(/\s/g, ''))));
  const trusted = all('default');
  const isWhatIsTrusted = (certificates: Set<string>): boolean =>
    trusted.size === certificates.size && [...trusted].every((certificate) => certificates.has(certificate));
  // With --use-system-ca, which threads are started with as well, there are more; looking for them takes a while.
  const isAsStarted = isWhatIsTrusted(all('bundled', 'extra')) || isWhatIsTrusted(all('bundled', 'extra', 'system'));
  return isAsStarted ? null : Buffer.from(getCACertificates('default').join('\n'));
}

/** Tells what {@link tlsCredentials} were made of, as a thread can use it. Undefined for others. */
export function tlsRecipeOf(credentials: ChannelCredentials): CrossingCredentials | undefined {
  const tls = remembered.get(credentials);
  if (tls === undefined) return undefined;
  const { rootCerts, privateKey, certChain, verifyOptions } = tls.options;
  if (verifyOptions?.checkServerIdentity !== undefined) {
    throw new TypeError(
      'thread-channel: verifyOptions.checkServerIdentity is a function, and functions cannot cross to a thread; ' +
        'leave it out, or keep the connections on this thread with threads: 0',
    );
  }
  return {
    recipe: {
      kind: 'tls',
      rootCerts: rootCerts ?? null,
      privateKey: privateKey ?? null,
      certChain: certChain ?? null,
      rejectUnauthorized: verifyOptions?.rejectUnauthorized,
    },
    callCredentials: tls.callCredentials,
  };
}

/** An object that inherits from the credentials, and goes on remembering when it is composed with call credentials. */
function remembering(made: ChannelCredentials, tls: TlsCredentials): ChannelCredentials {
  const compose = (more: CallCredentials): ChannelCredentials => {
    const callCredentials = tls.callCredentials?.compose(more) ?? more;
    return remembering(made.compose(more), { options: tls.options, callCredentials });
  };
  const credentials = Object.create(made, { compose: { value: compose } }) as ChannelCredentials;
  remembered.set(credentials, tls);
  return credentials;
}
