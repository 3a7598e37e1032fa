import tls from 'node:tls';
import {
  credentials as grpcCredentials,
  type CallCredentials,
  type ChannelCredentials,
  type VerifyOptions,
} from '@grpc/grpc-js';
import { OptionReader } from '@grpc-manifold/core/internal';
import type { CrossingCredentials } from './credentials-recipe.js';

/**
 * Options of {@link tlsCredentials}. All are optional, and certificates and keys are PEM, as in
 * `credentials.createSsl`.
 */
export interface TlsCredentialsOptions {
  /**
   * Certificates to trust. Default: the certificates that Node trusts, or the file named by
   * GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.
   */
  readonly rootCerts?: Buffer | null;
  /** The key of the client; needs `certChain`. */
  readonly privateKey?: Buffer | null;
  /** The certificates of the client; needs `privateKey`. */
  readonly certChain?: Buffer | null;
  /** As in grpc-js. `checkServerIdentity` is a function and cannot cross to a thread. */
  readonly verifyOptions?: VerifyOptions;
}

const known = new WeakMap<ChannelCredentials, TlsCredentials>();

interface TlsCredentials {
  readonly options: TlsCredentialsOptions;
  readonly callCredentials: CallCredentials | undefined;
}

/**
 * Makes TLS credentials that can cross to a thread. The options cannot be read back from credentials of grpc-js, so
 * they are kept beside them. Call credentials may be composed with them as usual, and stay on the calling thread.
 *
 * @throws TypeError naming the option, or what `credentials.createSsl` throws.
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
  return withKnownOptions(made, { options: copies, callCredentials: undefined });
}

/** Copies the bytes, as `createSsl` does: the caller may change or clear the original. */
function copyOf(pem: Buffer | null | undefined): Buffer | null {
  if (pem === null || pem === undefined) return null;
  const copy = Buffer.allocUnsafeSlow(pem.length);
  pem.copy(copy);
  return copy;
}

/**
 * The certificates that this thread trusts, if they were set by `tls.setDefaultCACertificates` (Node 22.19, 24.5),
 * which applies to one thread only. Null when every thread trusts the same certificates.
 */
function trustedHere(): Buffer | null {
  const { getCACertificates } = tls as {
    getCACertificates?: (kind: 'default' | 'bundled' | 'system' | 'extra') => readonly string[];
  };
  if (getCACertificates === undefined || process.env['GRPC_DEFAULT_SSL_ROOTS_FILE_PATH'] !== undefined) return null;
  // Node breaks the lines of the same certificate differently, depending on its source.
  const all = (...kinds: Parameters<typeof getCACertificates>[0][]): Set<string> =>
    new Set(kinds.flatMap((kind) => getCACertificates(kind).map((certificate) => certificate.replaceAll(/\s/g, ''))));
  const trusted = all('default');
  const equalsTrusted = (certificates: Set<string>): boolean =>
    trusted.size === certificates.size && [...trusted].every((certificate) => certificates.has(certificate));
  // With --use-system-ca, which threads inherit, the system's certificates are trusted too. Reading them is slow, so
  // they come second.
  const isUnchanged = equalsTrusted(all('bundled', 'extra')) || equalsTrusted(all('bundled', 'extra', 'system'));
  return isUnchanged ? null : Buffer.from(getCACertificates('default').join('\n'));
}

/** Returns the recipe of credentials that {@link tlsCredentials} made; undefined for other credentials. */
export function tlsRecipeOf(credentials: ChannelCredentials): CrossingCredentials | undefined {
  const tls = known.get(credentials);
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

/** Wraps credentials so that their options are still known after they are composed with call credentials. */
function withKnownOptions(made: ChannelCredentials, tls: TlsCredentials): ChannelCredentials {
  const compose = (more: CallCredentials): ChannelCredentials => {
    const callCredentials = tls.callCredentials?.compose(more) ?? more;
    return withKnownOptions(made.compose(more), { options: tls.options, callCredentials });
  };
  const credentials = Object.create(made, { compose: { value: compose } }) as ChannelCredentials;
  known.set(credentials, tls);
  return credentials;
}
