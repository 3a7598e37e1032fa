import { generate } from 'selfsigned';

/** A private key and the certificate for it, as PEM texts. */
export interface SelfSignedCertificate {
  readonly key: string;
  readonly cert: string;
}

let made: Promise<SelfSignedCertificate> | undefined;

/**
 * Makes a certificate for 'localhost' and 127.0.0.1 that signs itself: give `cert` to a client as its root. Made once a
 * process, valid from yesterday (clocks differ) for a year.
 */
export function selfSignedCertificate(): Promise<SelfSignedCertificate> {
  made ??= make();
  return made;
}

async function make(): Promise<SelfSignedCertificate> {
  const notBeforeDate = new Date(Date.now() - 86_400_000);
  const notAfterDate = new Date(Date.now() + 365 * 86_400_000);
  const pem = await generate([{ name: 'commonName', value: 'localhost' }], {
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
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: pem.private, cert: pem.cert };
}
