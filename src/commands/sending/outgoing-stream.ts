export const outgoingStream = (outgoingId: string): string => `outgoing-${outgoingId}`
