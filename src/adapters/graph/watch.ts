import { randomUUID } from 'node:crypto'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { notifier } from '../../std/notifier.ts'
import { inOurWords, type GraphClient } from './client.ts'
import { unavailable } from './problems.ts'
import { clientStateOf, onNews, type GraphPush } from './push.ts'

/** How long a subscription holds, and from when on it is renewed. Graph allows a week. */
const HOLDS_MS = 4230 * 60_000
const RENEW_MS = 86_400_000
const END_MS = 10_000

export type WatchDeps = {
  readonly push: GraphPush
  /** How often to look whether the subscription is still there. */
  readonly checkEveryMs: number
  /** Graph for the same mailbox, when the watch is over. */
  readonly afterwards: (signal: AbortSignal) => GraphClient
}

/**
 * Subscribes to the mailbox's messages until the signal aborts.
 * @throws MailUnavailable
 */
export const watchMailbox = async (
  client: GraphClient,
  { push, checkEveryMs, afterwards }: WatchDeps,
  onHint: () => void,
): Promise<void> => {
  const { signal } = client
  if (signal.aborted) return
  const wake = notifier()
  let isRemoved = false
  let isExpiring = false
  const name = randomUUID()
  const end = onNews(push, name, (what) => {
    if (what === 'changed' || what === 'missed') return onHint()
    if (what === 'subscriptionRemoved') isRemoved = true
    else isExpiring = true
    wake.notify()
  })
  let id: string | null = null
  try {
    const made = await subscribe(client, push.url, clientStateOf(push, name))
    id = made.id
    // Between the last sync and now something may have happened.
    onHint()
    for (let until = made.until; !signal.aborted;) {
      const since = wake.count()
      await wake.wait(since, { ms: checkEveryMs, signal })
      if (signal.aborted) return
      if (isRemoved) throw unavailable('outlook-busy')
      const isLate = isExpiring || until.getTime() - Date.now() < RENEW_MS
      isExpiring = false
      until = isLate ? await renew(client, id) : await look(client, id)
    }
  } catch (error) {
    if (!signal.aborted) throw inOurWords(error)
  } finally {
    end()
    if (id !== null) await unsubscribe(afterwards(AbortSignal.timeout(END_MS)), id)
  }
}

type Subscription = { readonly id?: string; readonly expirationDateTime?: string | null }

const expiry = (): string => new Date(Date.now() + HOLDS_MS).toISOString()
const pathOf = (id: string): string => `/subscriptions/${encodeURIComponent(id)}`
const untilOf = ({ expirationDateTime }: Subscription): Date => new Date(expirationDateTime ?? 0)

const subscribe = async (
  client: GraphClient,
  url: string,
  clientState: string,
): Promise<{ id: string; until: Date }> => {
  const body = {
    changeType: 'created,updated,deleted',
    resource: 'me/messages',
    notificationUrl: url,
    lifecycleNotificationUrl: url,
    expirationDateTime: expiry(),
    clientState,
  }
  const made = (await client.ask({
    method: 'POST',
    path: '/subscriptions',
    body,
  })) as Subscription
  if (made.id === undefined) throw unavailable('outlook-answer-unknown')
  return { id: made.id, until: untilOf(made) }
}

const renew = async (client: GraphClient, id: string): Promise<Date> => {
  const body = { expirationDateTime: expiry() }
  return untilOf((await client.ask({ method: 'PATCH', path: pathOf(id), body })) as Subscription)
}

/** Throws if it is not there any more: then hints would be waited for in vain. */
const look = async (client: GraphClient, id: string): Promise<Date> => {
  const found = (await client.ask({ path: pathOf(id) })) as Subscription
  return untilOf(found)
}

/** One that is left over expires by itself. */
const unsubscribe = async (client: GraphClient, id: string): Promise<void> => {
  try {
    await client.ask({ method: 'DELETE', path: pathOf(id) })
  } catch (error) {
    if (!(inOurWords(error) instanceof MailUnavailable)) throw error
  }
}
