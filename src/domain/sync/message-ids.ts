/**
 * Whether a Message-ID can connect messages (RFC 5322 3.6.4): only if it names a domain, so that no two senders can
 * have chosen the same. An id such as `yes`, which some programs write, would connect strangers.
 */
export const canConnect = (messageId: string): boolean => /^[^@]+@.*[^@]$/.test(messageId)
