import { imapSmtpProvider } from '../adapters/imap-smtp/provider.ts'
import type { EgressGuard } from '../adapters/network/egress-guard.ts'
import type { MailProvider } from '../commands/ports/mail-provider.ts'

/** Every kind of mail system that an account can be connected to. */
export const providersOf = (guard: EgressGuard): MailProvider[] => [imapSmtpProvider(guard)]
