/** What lies between a client and its server, as far as keepalive is concerned. */
export type KeepalivePreset = 'server-default' | 'aws-nlb' | 'azure-lb' | 'gcp';

/** When PINGs are sent. */
export interface KeepaliveTimes {
  readonly timeMs: number;
  readonly timeoutMs: number;
  readonly withoutCalls: boolean;
}

/**
 * The presets. None of them pings without calls: servers allow that once in two hours unless they are told otherwise
 * (gRFC A8, server enforcement). A connection that was silent for so long is asked for life with its next call instead.
 */
export const KEEPALIVE_PRESETS: Readonly<Record<KeepalivePreset, KeepaliveTimes>> = {
  /**
   * As often as a server allows without being told: once in five minutes while calls run (gRFC A8,
   * PERMIT_KEEPALIVE_TIME).
   */
  'server-default': { timeMs: 300_000, timeoutMs: 20_000, withoutCalls: false },
  /**
   * AWS Network Load Balancer: forgets a TCP flow after 350 s without data, and answers what comes then with a reset.
   * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html
   */
  'aws-nlb': { timeMs: 300_000, timeoutMs: 20_000, withoutCalls: false },
  /**
   * Azure Load Balancer: drops a flow silently after 4 min, unless its rule says otherwise. That is less than servers
   * allow by default: the server must permit a PING every 3 min.
   * https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout
   */
  'azure-lb': { timeMs: 180_000, timeoutMs: 20_000, withoutCalls: false },
  /**
   * Google Cloud: the network tracks a connection for 10 min after its last packet.
   * https://cloud.google.com/compute/docs/troubleshooting/general-tips
   */
  gcp: { timeMs: 300_000, timeoutMs: 20_000, withoutCalls: false },
};

/** The names of the presets. */
export const KEEPALIVE_PRESET_NAMES = Object.keys(KEEPALIVE_PRESETS) as readonly KeepalivePreset[];
