import dns from 'node:dns';
import tls from 'node:tls';

const TLS_DEFAULTS = ['DEFAULT_MIN_VERSION', 'DEFAULT_MAX_VERSION', 'DEFAULT_CIPHERS', 'DEFAULT_ECDH_CURVE'] as const;

/** The settings for all connections of a process, which Node keeps for each thread separately. */
export interface ProcessDefaults {
  readonly tls: Readonly<Partial<Record<(typeof TLS_DEFAULTS)[number], string>>>;
  readonly dnsResultOrder: string;
}

/** Reads the settings of this thread, for a thread that is started now. */
export function processDefaults(): ProcessDefaults {
  return {
    tls: Object.fromEntries(TLS_DEFAULTS.map((name) => [name, tls[name]])),
    dnsResultOrder: dns.getDefaultResultOrder(),
  };
}

/** Applies the settings in this thread. */
export function adoptProcessDefaults(defaults: ProcessDefaults): void {
  // Node reads these properties of `tls` when it makes a connection.
  Object.assign(tls, defaults.tls);
  dns.setDefaultResultOrder(defaults.dnsResultOrder as Parameters<typeof dns.setDefaultResultOrder>[0]);
}
