import type { Test } from 'tap'
import { freePort } from '../../../scripts/lib/free-port.ts'
import type { AuthorizationServer, Person } from '../../../scripts/lib/mail-servers/authorization-server.ts'
import { startGoogleAndMicrosoft } from '../../../scripts/lib/mail-servers/google-and-microsoft.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { startApp, type AppOverrides, type TestApp } from '../running-app.ts'

export const CRM = 'https://crm.acme.test'

type Begun = { readonly id: string; readonly url: string }

/** The service with Google and Microsoft to sign in with, and a mailbox of everybody's at each of them. */
export const signInWorld = async (
  t: Test,
  people: readonly Person[],
  overrides: Pick<AppOverrides, 'clock'> = {},
): Promise<{
  readonly app: TestApp
  readonly google: AuthorizationServer
  readonly microsoft: AuthorizationServer
  readonly begin: (user: string, asked?: Record<string, unknown>) => Promise<Begun>
}> => {
  const port = String(await freePort())
  const tls = await testTls()
  const servers = await startGoogleAndMicrosoft(() => `http://127.0.0.1:${port}/oauth/callback`, tls)
  t.teardown(servers.close)
  const { google, microsoft, gmail, graph } = servers
  for (const person of people) {
    google.addPerson(person)
    microsoft.addPerson(person)
    gmail.addMailbox(person.address, `behind-${person.address}`)
    graph.addMailbox(person.address, `behind-${person.address}`)
  }
  const app = await startApp(t, {
    ...overrides,
    ca: tls.ca,
    env: { MAILTRAIL_PORT: port, MAILTRAIL_RETURN_ORIGINS: CRM, ...servers.env },
  })
  const begin = async (user: string, asked: Record<string, unknown> = {}): Promise<Begun> =>
    (await app.clientOf(user).send<Begun>('POST', '/v1/sign-ins', { provider: 'gmail', ...asked })).body
  return { app, google, microsoft, begin }
}
