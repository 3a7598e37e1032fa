/** What stands in the record that starts a call, behind its channel: flags, method, deadline, host, metadata. */
export const START = { hasDeadline: 1, hasHost: 2, hasCredentials: 4 } as const;
