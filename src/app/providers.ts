import { gmailProvider } from '../adapters/gmail/provider.ts'
import { graphNotices } from '../adapters/graph/notices.ts'
import { outlookProvider } from '../adapters/graph/provider.ts'
import { imapSmtpProvider } from '../adapters/imap-smtp/provider.ts'
import type { EgressGuard } from '../adapters/network/egress-guard.ts'
import { oauthClient, type OAuthClient } from '../adapters/oauth/client.ts'
import { googleSignIn } from '../adapters/oauth/google.ts'
import { microsoftSignIn } from '../adapters/oauth/microsoft.ts'
import { tokenSource } from '../adapters/oauth/tokens.ts'
import type { PushLine } from '../adapters/postgres/push-line.ts'
import type { MailProvider } from '../commands/ports/mail-provider.ts'
import type { Config } from '../config.ts'

/** Of the 6,000 units that Google lets a mailbox use in a minute; the rest is for other programs of its user. */
const GMAIL_UNITS_PER_MINUTE = 4500

/** Every kind of mail system that an account can be connected to. */
export const providersOf = (
  guard: EgressGuard,
  line: PushLine,
  { google, microsoft }: Pick<Config, 'google' | 'microsoft'>,
): MailProvider[] => {
  const toGoogle = clientOf(google)
  const toMicrosoft = clientOf(microsoft)
  return [
    imapSmtpProvider(guard),
    gmailProvider({
      tokens: tokenSource(toGoogle),
      signIn: googleSignIn(toGoogle),
      apiUrl: google.apiUrl,
      unitsPerMinute: GMAIL_UNITS_PER_MINUTE,
      push: google.push && { ...google.push, ...line },
    }),
    outlookProvider({
      tokens: tokenSource(toMicrosoft),
      signIn: microsoftSignIn(toMicrosoft, microsoft.graphUrl),
      apiUrl: microsoft.graphUrl,
      tls: {},
      notices: graphNotices(null),
    }),
  ]
}

const clientOf = ({ client, loginUrl }: Config['google' | 'microsoft']): OAuthClient =>
  oauthClient(client && { ...client, issuer: new URL(loginUrl) })
