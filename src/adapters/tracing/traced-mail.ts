import { SpanKind } from '@opentelemetry/api'
import type { MailboxConnector, MailSender } from '../../commands/ports/mail-provider.ts'
import { inSpan } from './spans.ts'

const options = { kind: SpanKind.CLIENT }

/** The sender, with a span for each SMTP transaction: how it ended, and neither who nor where. */
export const tracedSender = (sender: MailSender): MailSender => ({
  ...sender,
  send: (login, message, release, signal) =>
    inSpan('smtp send', options, async (span) => {
      const outcome = await sender.send(login, message, release, signal)
      span.setAttribute('mailtrail.outcome', outcome.kind)
      return outcome
    }),
})

/** The connector, with a span for each login to a mailbox. What is read in a session belongs to who reads. */
export const tracedConnector = (connector: MailboxConnector): MailboxConnector => ({
  ...connector,
  connect: (login, signal) => inSpan('imap connect', options, () => connector.connect(login, signal)),
})
