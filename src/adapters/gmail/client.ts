import { gmail, type gmail_v1 } from '@googleapis/gmail'
import type { Access } from '../../commands/ports/mail-provider.ts'
import { turns, type Turns } from '../../std/in-parallel.ts'
import { pause } from '../../std/pause.ts'
import type { TokenSource } from '../oauth/tokens.ts'
import { addressOf } from './connection.ts'
import { failure, statusOf, stopped } from './problems.ts'
import { quota, type Quota } from './quota.ts'

/** Gmail refuses more of one user at once ("Too many concurrent requests for user"). */
export const AT_ONCE = 5
const TIMEOUT_MS = 60_000
const REPEATS = 2
/** A limit that ends later than this is for the whole run to wait for. */
const REPEATED_WITHIN_MS = 2000

/** `unitsPerMinute` is what one mailbox may use of its user's quota, and all of them of that of the project. */
export type GmailSettings = {
  readonly tokens: TokenSource
  readonly apiUrl: string
  readonly unitsPerMinute: { readonly mailbox: number; readonly project: number }
}

type Api = gmail_v1.Resource$Users
type Options = { readonly headers: { readonly authorization: string }; readonly rootUrl: string }

/** Calls the Gmail API for one mailbox. */
export type GmailClient = {
  readonly signal: AbortSignal
  /** One call that costs so many units. Reading is tried again after a fault. @throws MailUnavailable */
  call<T>(units: number, work: (users: Api, options: Options) => Promise<{ readonly data: T }>): Promise<T>
}

/** Clients of mailboxes; those of one mailbox share its quota and its turns, all that of the project. */
export const gmailClients = ({ tokens, apiUrl, unitsPerMinute }: GmailSettings) => {
  const { users } = gmail({ version: 'v1', rootUrl: `${apiUrl}/` })
  const limits = new Map<string, { readonly inTurn: Turns; readonly take: Quota }>()
  const takeOfProject = quota(unitsPerMinute.project)
  const limitsOf = (address: string) => {
    const made = limits.get(address) ?? { inTurn: turns(AT_ONCE), take: quota(unitsPerMinute.mailbox) }
    limits.set(address, made)
    return made
  }

  return (access: Access, signal: AbortSignal): GmailClient => {
    const { inTurn, take: takeOfMailbox } = limitsOf(addressOf(access.connection))
    const take: Quota = async (units, until) => {
      await takeOfMailbox(units, until)
      await takeOfProject(units, until)
    }
    const options = (token: string, units: number) => ({
      headers: { authorization: `Bearer ${token}` },
      // Uploads ignore that of the client.
      rootUrl: `${apiUrl}/`,
      signal,
      timeout: TIMEOUT_MS,
      retryConfig: {
        shouldRetry: (error: Failed) => isWorthRepeating(error, signal),
        retryBackoff: async (_error: unknown, ms: number) => {
          await pause(ms, signal)
          await take(units, signal)
        },
      },
    })
    const call: GmailClient['call'] = async (units, work) => {
      try {
        await take(units, signal)
        if (signal.aborted) throw stopped()
        const token = await tokens.accessToken(access, null, signal)
        try {
          return (await work(users, options(token, units))).data
        } catch (error) {
          if (statusOf(error) !== 401) throw error
          const renewed = await tokens.accessToken(access, token, signal)
          return (await work(users, options(renewed, units))).data
        }
      } catch (error) {
        throw failure(error, signal)
      }
    }
    return { signal, call: (units, work) => inTurn(() => call(units, work)) }
  }
}

type Failed = {
  readonly config: {
    readonly method?: string
    readonly retryConfig?: { readonly currentRetryAttempt?: number }
  }
}

/** Reading, if the fault may be over in a moment. */
const isWorthRepeating = (error: Failed, signal: AbortSignal): boolean => {
  const { method, retryConfig } = error.config
  if (method !== 'GET' || signal.aborted || (retryConfig?.currentRetryAttempt ?? 0) >= REPEATS) return false
  const { kind, until } = failure(error, signal)
  const isSoon = until === null || until.getTime() - Date.now() < REPEATED_WITHIN_MS
  return kind === 'temporary' || (kind === 'throttled' && isSoon)
}

export type ClientOf = ReturnType<typeof gmailClients>
