import { z } from 'zod'
import type { TokenSource } from '../../../src/adapters/oauth/tokens.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { MailUnavailable, type Access, type MailProvider } from '../../../src/commands/ports/mail-provider.ts'
import type { SignIn } from '../../../src/commands/ports/sign-in.ts'
import { passwordMissing } from '../../../src/commands/ports/credentials.ts'
import { labelMailProvider } from '../label-mail/provider.ts'
import type { AuthorizationServer } from './authorization-server.ts'

/** The secret by which the service of label mail knows a mailbox, behind the provider's own sign-in. */
export const labelSecretOf = (address: string): string => `behind-${address}`

/**
 * A provider that one signs in to, whose mailboxes are those of a service of label mail: whoever has an access token that
 * the authorization server vouches for gets to that person's mailbox.
 */
export const signedInProvider = (of: {
  readonly name: 'gmail' | 'outlook'
  readonly signIn: SignIn
  readonly tokens: TokenSource
  readonly server: AuthorizationServer
  readonly labelMailUrl: string
}): MailProvider => {
  const mail = labelMailProvider(of.labelMailUrl)
  const provider = z.literal(of.name)
  const recorded = z.object({ provider, address: z.string(), permissions: z.array(z.string()) })
  const behind = async (access: Access, signal: AbortSignal): Promise<Access> => {
    const token = await of.tokens.accessToken(access, null, signal)
    const person =
      of.server.personOf(token) ?? of.server.personOf(await of.tokens.accessToken(access, token, signal))
    if (person === null)
      throw new MailUnavailable('sign-in-again', 'sign-in-ended', 'Unknown token', 'Sign in again.')
    return {
      connection: { provider: 'label-mail', address: person.address },
      credentials: { token: new Secret(labelSecretOf(person.address)) },
    }
  }
  return {
    ...mail,
    name: of.name,
    signIn: of.signIn,
    forms: { entered: z.object({ provider }), recorded },
    title: () => of.name,
    admit: () => {
      throw passwordMissing()
    },
    test: async (access, signal) => mail.test(await behind(access, signal), signal),
    open: async (access, roles, signal) => mail.open(await behind(access, signal), roles, signal),
    send: async (access, email, release, signal) =>
      mail.send(await behind(access, signal), email, release, signal),
    watch: async (access, onHint, signal) => mail.watch(await behind(access, signal), onHint, signal),
  }
}
