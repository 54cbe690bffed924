/** Planted faults: what the service does wrong then, which the run must find out. */
export const plants = {
  'late-marker': 'writes the marker of a send after the answer instead of before the dot',
  'lost-blobs': 'acknowledges one blob in forty without keeping it',
  'early-acknowledgement': 'acknowledges an append before it is committed',
  'checkpoint-before-rows': 'commits the checkpoint of a read model before its rows',
  'cursor-before-mail': 'records that a stretch of mail was read before it is stored',
  'new-command-id': 'takes the repeat of a command for a new one',
  'resend-unknown': 'sends again what may have been sent',
  'late-spool': 'answers a hit before it is written down',
  'fast-clock': 'has a clock that is three seconds fast',
  'password-in-log': 'logs a password with an error',
} as const satisfies Record<string, string>

export type Plant = keyof typeof plants
