import dns from 'node:dns';
import tls from 'node:tls';

const TLS_DEFAULTS = ['DEFAULT_MIN_VERSION', 'DEFAULT_MAX_VERSION', 'DEFAULT_CIPHERS', 'DEFAULT_ECDH_CURVE'] as const;

/** What a process may have set for all connections that it makes, and Node keeps for each thread apart. */
export interface ProcessDefaults {
  readonly tls: Readonly<Partial<Record<(typeof TLS_DEFAULTS)[number], string>>>;
  readonly dnsResultOrder: string;
}

/** Tells what holds in this thread, for one that is started now. */
export function processDefaults(): ProcessDefaults {
  return {
    tls: Object.fromEntries(TLS_DEFAULTS.map((name) => [name, tls[name]])),
    dnsResultOrder: dns.getDefaultResultOrder(),
  };
}

/** Lets the same hold in this thread. */
export function adoptProcessDefaults(defaults: ProcessDefaults): void {
  // They are Node's to be set, and read when a connection is made.
  Object.assign(tls, defaults.tls);
  dns.setDefaultResultOrder(defaults.dnsResultOrder as Parameters<typeof dns.setDefaultResultOrder>[0]);
}
