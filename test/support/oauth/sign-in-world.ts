import type { Test } from 'tap'
import { freePort } from '../../../scripts/lib/free-port.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { startGoogleSignIn } from '../google/authorization-server.ts'
import { startGoogle } from '../google/service.ts'
import { startMicrosoftSignIn, TENANT } from '../microsoft/authorization-server.ts'
import { startGraph } from '../microsoft/service.ts'
import { startApp, type TestApp } from '../running-app.ts'
import { consent, type AuthorizationServer, type Choice, type Person } from './authorization-server.ts'

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

/** The service with Google and Microsoft to sign in with, and a mailbox of everybody's at each of them. */
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
  const [google, microsoft] = await Promise.all([
    startGoogleSignIn(redirectUri),
    startMicrosoftSignIn(redirectUri, tls.good),
  ])
  const gmail = await startGoogle((token) => google.personOf(token)?.address ?? null)
  const graph = await startGraph(tls.good, tls.ca, (token) => microsoft.personOf(token))
  t.teardown(() => Promise.all([google, microsoft, gmail, graph].map((server) => server.close())))
  for (const person of people) {
    google.addPerson(person)
    microsoft.addPerson(person)
    gmail.addMailbox(person.address, `behind-${person.address}`)
    graph.addMailbox(person.address, `behind-${person.address}`)
  }
  const app = await startApp(t, {
    ca: tls.ca,
    env: {
      MAILTRAIL_PORT: port,
      MAILTRAIL_RETURN_ORIGINS: CRM,
      MAILTRAIL_GOOGLE_CLIENT_ID: google.clientId,
      MAILTRAIL_GOOGLE_CLIENT_SECRET: google.clientSecret,
      MAILTRAIL_GOOGLE_LOGIN_URL: google.url,
      MAILTRAIL_GMAIL_URL: gmail.url,
      MAILTRAIL_MICROSOFT_CLIENT_ID: microsoft.clientId,
      MAILTRAIL_MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
      MAILTRAIL_MICROSOFT_LOGIN_URL: microsoft.url,
      MAILTRAIL_MICROSOFT_TENANT: TENANT,
      MAILTRAIL_GRAPH_URL: graph.url,
    },
  })
  const begin = async (user: string, asked: Record<string, unknown> = {}): Promise<Begun> =>
    (await app.clientOf(user).send<Begun>('POST', '/v1/sign-ins', { provider: 'gmail', ...asked })).body
  return { app, google, microsoft, begin }
}
