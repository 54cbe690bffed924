import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { z } from 'zod'
import { MailUnavailable, type MailProvider, type Push } from '../../commands/ports/mail-provider.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { pause } from '../../std/pause.ts'
import type { ClientOf } from './client.ts'
import { addressOf } from './connection.ts'
import { unavailable } from './problems.ts'
import { COST } from './quota.ts'

/**
 * Push from Gmail through Google Cloud Pub/Sub. `topic` is where Gmail publishes (`projects/…/topics/…`); the topic's
 * subscription pushes to us, and signs with the keys of `keysUrl`, as `serviceAccount` and for `audience`.
 */
export type GmailPush = {
  readonly topic: string
  readonly serviceAccount: string
  readonly audience: string
  readonly keysUrl: string
  /** To whoever watches a mailbox, in whatever process. */
  readonly tell: (mailbox: string) => Promise<void>
  readonly onTold: (listener: (mailbox: string) => void) => () => void
}

/** Gmail forgets a watch after seven days and advises to renew it daily. */
const RENEW_EVERY_MS = 86_400_000

/** The envelope of Pub/Sub around what Gmail says: that there is something new, and not what. */
const envelope = z.object({ message: z.object({ data: z.base64() }) })
const saying = z.object({ emailAddress: z.string() })

export const pushTaker = ({ keysUrl, audience, serviceAccount, tell }: GmailPush) => {
  const keys = createRemoteJWKSet(new URL(keysUrl))
  const isGoogles = async (authorization: string | null): Promise<boolean> => {
    const [, token] = /^Bearer (\S+)$/.exec(authorization ?? '') ?? []
    if (token === undefined) return false
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ['RS256'],
        issuer: ['https://accounts.google.com', 'accounts.google.com'],
        audience,
        requiredClaims: ['exp'],
      })
      return payload['email'] === serviceAccount && payload['email_verified'] === true
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError))
        throw unavailable('gmail-unreachable')
      return false
    }
  }
  return async ({ authorization, body }: Push): Promise<boolean> => {
    if (!(await isGoogles(authorization))) return false
    const address = addressIn(body)
    if (address !== null) await tell(normaliseAddress(address))
    return true
  }
}

/** Null where it says nothing that we know: it is Google's all the same, and would be pushed again if refused. */
const addressIn = (body: unknown): string | null => {
  const data = envelope.safeParse(body).data?.message.data
  try {
    return (
      saying.safeParse(JSON.parse(Buffer.from(data ?? '', 'base64').toString('utf8'))).data?.emailAddress ??
      null
    )
  } catch {
    return null
  }
}

/** Asks Gmail to publish what is new in the mailbox, again and again, and passes on what is pushed. */
export const watchByPush =
  (clientOf: ClientOf, { topic, onTold }: GmailPush, renewEveryMs = RENEW_EVERY_MS): MailProvider['watch'] =>
  async (access, onHint, signal) => {
    const mailbox = normaliseAddress(addressOf(access.connection))
    const end = onTold((told) => {
      if (told === mailbox) onHint()
    })
    try {
      while (!signal.aborted) {
        await clientOf(access, signal).call(COST.watch, (users, options) =>
          users.watch({ userId: 'me', requestBody: { topicName: topic } }, options),
        )
        await pause(renewEveryMs, signal)
      }
    } catch (error) {
      if (!(signal.aborted && error instanceof MailUnavailable)) throw error
    } finally {
      end()
    }
  }
