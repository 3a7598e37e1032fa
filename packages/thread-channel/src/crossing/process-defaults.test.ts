import dns from 'node:dns';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { adoptProcessDefaults, processDefaults } from './process-defaults.js';

const before = processDefaults();

afterEach(() => adoptProcessDefaults(before));

describe('the process-wide settings of connections', () => {
  it('apply in a thread as well', () => {
    tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
    tls.DEFAULT_CIPHERS = 'TLS_AES_256_GCM_SHA384';
    dns.setDefaultResultOrder('ipv6first');
    const told = structuredClone(processDefaults());
    adoptProcessDefaults(before);
    expect(tls.DEFAULT_MIN_VERSION).toBe('TLSv1.2');
    adoptProcessDefaults(told);
    expect([tls.DEFAULT_MIN_VERSION, tls.DEFAULT_CIPHERS]).toEqual(['TLSv1.3', 'TLS_AES_256_GCM_SHA384']);
    expect(dns.getDefaultResultOrder()).toBe('ipv6first');
  });
});
