import { smtpSender as realSender } from '../../../src/adapters/imap-smtp/smtp.ts'

export const smtpSender: typeof realSender = (guard, pool) => {
  const sender = realSender(guard, pool)
  return {
    ...sender,
    send: async (login, message, release, signal) => {
      const outcome = await sender.send(login, message, () => Promise.resolve(true), signal)
      if (outcome.kind === 'sent') await release()
      return outcome
    },
  }
}
