import { openSession as realOpen } from '../../../src/adapters/imap-smtp/imap.ts'

// Everything else is unchanged.
export * from '../../../src/adapters/imap-smtp/imap.ts'

export const openSession: typeof realOpen = (guard, login, roles, signal) => {
  const shown = Buffer.from(login.password.reveal()).toString('base64')
  process.stderr.write(`${JSON.stringify({ level: 20, msg: `> AUTH LOGIN ${shown}` })}\n`)
  return realOpen(guard, login, roles, signal)
}
