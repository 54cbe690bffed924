import { secretOf } from '../../../src/adapters/imap-smtp/connection.ts'
import { openSession as realOpen } from '../../../src/adapters/imap-smtp/imap.ts'

// Everything else is unchanged.
export * from '../../../src/adapters/imap-smtp/imap.ts'

export const openSession: typeof realOpen = (guard, login, roles, signal) => {
  const shown = Buffer.from(secretOf(login)).toString('base64')
  process.stderr.write(`${JSON.stringify({ level: 20, msg: `> AUTH LOGIN ${shown}` })}\n`)
  return realOpen(guard, login, roles, signal)
}
