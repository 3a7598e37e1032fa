import { generate } from 'selfsigned';

/** A private key and the certificate for it, as PEM texts. */
export interface SelfSignedCertificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * The kind of a certificate.
 *
 * - `valid`: for 'localhost' and 127.0.0.1, from yesterday (clocks differ) for a year.
 * - `expired`: expired yesterday.
 * - `other-name`: for example.org.
 * - `unknown-issuer`: like `valid`, for a client that does not have it as its root.
 */
export type CertificateKind = 'valid' | 'expired' | 'other-name' | 'unknown-issuer';

const DAY_MS = 86_400_000;

const made = new Map<CertificateKind, Promise<SelfSignedCertificate>>();

/** Creates a self-signed certificate. Use `cert` as the root of a client. Each kind is created once in a process. */
export function selfSignedCertificate(kind: CertificateKind = 'valid'): Promise<SelfSignedCertificate> {
  const before = made.get(kind);
  if (before !== undefined) return before;
  const certificate = make(kind);
  made.set(kind, certificate);
  return certificate;
}

async function make(kind: CertificateKind): Promise<SelfSignedCertificate> {
  const isExpired = kind === 'expired';
  const isForOthers = kind === 'other-name';
  const notBeforeDate = new Date(Date.now() - (isExpired ? 2 : 1) * DAY_MS);
  const notAfterDate = new Date(Date.now() + (isExpired ? -1 : 365) * DAY_MS);
  const pem = await generate([{ name: 'commonName', value: isForOthers ? 'example.org' : 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: isForOthers
          ? [{ type: 2, value: 'example.org' }]
          : [
              { type: 2, value: 'localhost' },
              { type: 7, ip: '127.0.0.1' },
            ],
      },
    ],
  });
  return { key: pem.private, cert: pem.cert };
}
