/**
 * Whether a Message-ID can connect messages (RFC 5322 3.6.4): it names a domain, so that no two senders can have come
 * upon it. `yes`, which some programs write, canConnect strangers.
 */
export const canConnect = (messageId: string): boolean => /^[^@]+@.*[^@]$/.test(messageId)
