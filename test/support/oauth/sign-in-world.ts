import type { Test } from 'tap'
import { freePort } from '../../../scripts/lib/free-port.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { oauthClient } from '../../../src/adapters/oauth/client.ts'
import { googleSignIn } from '../../../src/adapters/oauth/google.ts'
import { microsoftSignIn } from '../../../src/adapters/oauth/microsoft.ts'
import { tokenSource } from '../../../src/adapters/oauth/tokens.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { startGoogleSignIn } from '../google/authorization-server.ts'
import { startLabelMail } from '../label-mail/service.ts'
import { startMicrosoftSignIn } from '../microsoft/authorization-server.ts'
import { startApp, type TestApp } from '../running-app.ts'
import { consent, type AuthorizationServer, type Choice, type Person } from './authorization-server.ts'
import { labelSecretOf, signedInProvider } from './provider.ts'

export const CRM = 'https://crm.acme.test'

export type Begun = { readonly id: string; readonly url: string }
/** What a browser sees at last: a page, or where it is sent on to. */
export type Seen = { readonly status: number; readonly to: string | null; readonly page: string }

/** A browser of somebody: what it keeps, and how it goes through a sign-in. */
export const browser = () => {
  const kept = new Map<string, string>()
  const cookie = () => ({ cookie: [...kept].map(([name, value]) => `${name}=${value}`).join('; ') })
  const open = async (url: string): Promise<Seen & { readonly cookies: readonly string[] }> => {
    const answer = await fetch(url, { redirect: 'manual', headers: cookie() })
    const cookies = answer.headers.getSetCookie()
    for (const each of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? []
      if (/max-age=0\b/i.test(each)) kept.delete(name)
      else kept.set(name, value)
    }
    return { status: answer.status, to: answer.headers.get('location'), page: await answer.text(), cookies }
  }
  return {
    open,
    /** Follows the link, and chooses at the provider; returns the address that it is then sent back to. */
    choose: async (url: string, choice: Choice): Promise<string> => {
      const { to, page } = await open(url)
      if (to === null) throw new Error(page)
      return (await consent(to, choice)).href
    },
  }
}

/** The service with Google and Microsoft to sign in with, and the same mailboxes behind both. */
export const signInWorld = async (
  t: Test,
  people: readonly Person[],
): Promise<{
  readonly app: TestApp
  readonly google: AuthorizationServer
  readonly microsoft: AuthorizationServer
  readonly begin: (user: string, asked?: Record<string, unknown>) => Promise<Begun>
}> => {
  const port = String(await freePort())
  const redirectUri = () => `http://127.0.0.1:${port}/oauth/callback`
  const tls = await testTls()
  const [google, microsoft, labelMail] = await Promise.all([
    startGoogleSignIn(redirectUri),
    startMicrosoftSignIn(redirectUri, tls.good),
    startLabelMail(),
  ])
  t.teardown(() => Promise.all([google.close(), microsoft.close(), labelMail.close()]))
  for (const person of people) {
    google.addPerson(person)
    microsoft.addPerson(person)
    labelMail.addMailbox(person.address, labelSecretOf(person.address))
  }
  const clientOf = ({ issuer, clientId, clientSecret }: AuthorizationServer) =>
    oauthClient({ issuer: new URL(issuer), clientId, clientSecret: new Secret(clientSecret) })
  const [toGoogle, toMicrosoft] = [clientOf(google), clientOf(microsoft)]
  const behind = { labelMailUrl: labelMail.url }
  const app = await startApp(t, {
    ca: tls.ca,
    env: { MAILTRAIL_PORT: port, MAILTRAIL_RETURN_ORIGINS: CRM },
    providers: [
      signedInProvider({
        ...behind,
        name: 'gmail',
        server: google,
        signIn: googleSignIn(toGoogle),
        tokens: tokenSource(toGoogle),
      }),
      signedInProvider({
        ...behind,
        name: 'outlook',
        server: microsoft,
        signIn: microsoftSignIn(toMicrosoft, microsoft.url),
        tokens: tokenSource(toMicrosoft),
      }),
    ],
  })
  const begin = async (user: string, asked: Record<string, unknown> = {}): Promise<Begun> =>
    (await app.clientOf(user).send<Begun>('POST', '/v1/sign-ins', { provider: 'gmail', ...asked })).body
  return { app, google, microsoft, begin }
}
