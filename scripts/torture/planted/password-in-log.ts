import { imapConnector as realConnector } from '../../../src/adapters/imap-smtp/imap.ts'

export const imapConnector: typeof realConnector = (...parts) => {
  const connector = realConnector(...parts)
  return {
    ...connector,
    connect: (login, signal) => {
      const shown = Buffer.from(login.password.reveal()).toString('base64')
      process.stderr.write(`${JSON.stringify({ level: 20, msg: `> AUTH LOGIN ${shown}` })}\n`)
      return connector.connect(login, signal)
    },
  }
}
