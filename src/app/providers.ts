import { gmailProvider } from '../adapters/gmail/provider.ts'
import { outlookProvider } from '../adapters/graph/provider.ts'
import { imapSmtpProvider } from '../adapters/imap-smtp/provider.ts'
import type { EgressGuard } from '../adapters/network/egress-guard.ts'
import { oauthClient, type OAuthClient } from '../adapters/oauth/client.ts'
import { googleSignIn } from '../adapters/oauth/google.ts'
import { microsoftSignIn } from '../adapters/oauth/microsoft.ts'
import { tokenSource } from '../adapters/oauth/tokens.ts'
import type { PushLine } from '../adapters/postgres/push-line.ts'
import { derivedKey } from '../adapters/vault/derived-key.ts'
import type { Keyring } from '../adapters/vault/keyring.ts'
import type { MailProvider } from '../commands/ports/mail-provider.ts'
import type { Config } from '../config.ts'

type ProviderDeps = {
  readonly config: Pick<Config, 'google' | 'microsoft' | 'publicUrl'>
  readonly guard: EgressGuard
  readonly keyring: Keyring
  readonly line: PushLine
}

/** Every kind of mail system that an account can be connected to. */
export const providersOf = (deps: ProviderDeps): MailProvider[] => [
  imapSmtpProvider(deps.guard),
  gmail(deps),
  outlook(deps),
]

const gmail = ({ config: { google }, line }: ProviderDeps): MailProvider => {
  const client = clientOf(google)
  return gmailProvider({
    tokens: tokenSource(client),
    signIn: googleSignIn(client),
    apiUrl: google.apiUrl,
    unitsPerMinute: google.unitsPerMinute,
    push: google.push && { ...google.push, ...line },
  })
}

const outlook = ({ config, keyring, line }: ProviderDeps): MailProvider => {
  const client = clientOf(config.microsoft)
  const { graphUrl } = config.microsoft
  const push = { url: `${config.publicUrl}/v1/hints/outlook`, key: derivedKey(keyring, 'outlook'), ...line }
  return outlookProvider({
    tokens: tokenSource(client),
    signIn: microsoftSignIn(client, graphUrl),
    apiUrl: graphUrl,
    // Microsoft pushes to public https addresses only.
    push: config.publicUrl?.startsWith('https://') ? push : null,
  })
}

const clientOf = ({ client, loginUrl }: Config['google' | 'microsoft']): OAuthClient =>
  oauthClient(client && { ...client, issuer: new URL(loginUrl) })
