import { SpanKind } from '@opentelemetry/api'
import type { MailProvider } from '../../commands/ports/mail-provider.ts'
import { inSpan } from './spans.ts'

/**
 * The provider, with a span for each sign-in to a mailbox and each attempt to send: the outcome, but neither who nor
 * where. What is read in a session belongs to the reader's span.
 */
export const tracedProvider = (provider: MailProvider): MailProvider => {
  const options = { kind: SpanKind.CLIENT, attributes: { 'mailtrail.provider': provider.name } }
  return {
    ...provider,
    open: (access, roles, signal) => inSpan('mail open', options, () => provider.open(access, roles, signal)),
    send: (access, email, release, signal) =>
      inSpan('mail send', options, async (span) => {
        const outcome = await provider.send(access, email, release, signal)
        span.setAttribute('mailtrail.outcome', outcome.kind)
        return outcome
      }),
  }
}
