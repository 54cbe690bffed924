import { startGoogleSignIn } from './google/authorization-server.ts'
import { startGoogle } from './google/service.ts'
import { startMicrosoftSignIn, TENANT } from './microsoft/authorization-server.ts'
import { startGraph } from './microsoft/service.ts'
import type { TestTls } from './tls.ts'

/** Google and Microsoft on loopback: where one signs in with each, and the mail behind that. */
export const startGoogleAndMicrosoft = async (redirectUri: () => string, tls: TestTls) => {
  const [google, microsoft] = await Promise.all([
    startGoogleSignIn(redirectUri),
    startMicrosoftSignIn(redirectUri, tls.good),
  ])
  const gmail = await startGoogle((token) => google.personOf(token)?.address ?? null)
  const graph = await startGraph(tls.good, tls.ca, (token) => microsoft.personOf(token))
  return {
    google,
    microsoft,
    gmail,
    graph,
    /** Settings of a service that is registered with both. */
    env: {
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
    close: async () => {
      await Promise.all([google, microsoft, gmail, graph].map((server) => server.close()))
    },
  }
}
