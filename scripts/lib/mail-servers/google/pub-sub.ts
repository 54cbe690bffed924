import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'
import type { Answer, PushEndpoint } from './calls.ts'

/** As whom Pub/Sub pushes, and for whom. */
export const PUSH = {
  topic: 'projects/crm/topics/gmail',
  serviceAccount: 'push@crm.iam.gserviceaccount.test',
  audience: 'https://mailtrail.test/v1/hints/gmail',
}
type Claims = Readonly<Record<string, unknown>>

/** Google Cloud Pub/Sub, as far as Gmail's push goes: signed by a key of its own. */
export const startPubSub = async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const key: JWK = { ...(await exportJWK(publicKey)), kid: 'google', use: 'sig', alg: 'RS256' }
  const watched = new Set<string>()
  let deliver: PushEndpoint | null = null
  let aud = PUSH.audience
  const sign = (claims: Claims = {}): Promise<string> =>
    new SignJWT({ email: PUSH.serviceAccount, email_verified: true, aud, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'google' })
      .setIssuer('https://accounts.google.com')
      .setIssuedAt()
      .setExpirationTime('5 minutes')
      .sign(privateKey)
  return {
    keys: (): Answer => ({ status: 200, json: { keys: [key] } }),
    sign,
    watch: (address: string): void => void watched.add(address),
    isWatched: (address: string): boolean => watched.has(address),
    pushTo: (endpoint: PushEndpoint, audience = PUSH.audience): void => {
      deliver = endpoint
      aud = audience
    },
    changed: (address: string): void => {
      if (!watched.has(address) || deliver === null) return
      const endpoint = deliver
      void sign().then((token) => endpoint(`Bearer ${token}`, pushed(address)))
    },
  }
}

/** What is pushed: Gmail's own words in the envelope of Pub/Sub. */
export const pushed = (emailAddress: string) => ({
  message: {
    data: Buffer.from(JSON.stringify({ emailAddress, historyId: '1' })).toString('base64'),
    messageId: '1',
  },
  subscription: 'projects/crm/subscriptions/mailtrail',
})
