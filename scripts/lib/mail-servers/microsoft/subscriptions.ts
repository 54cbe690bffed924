import { randomUUID } from 'node:crypto'
import https from 'node:https'
import { jsonOf, notFound, refused, type Routes } from './call.ts'
import type { GraphMailbox } from './mailbox.ts'

type Subscription = {
  readonly id: string
  readonly resource: string
  readonly changeType: string
  readonly notificationUrl: string
  readonly lifecycleNotificationUrl?: string
  readonly clientState?: string
  readonly expirationDateTime: string
}

const MOST_MINUTES = 10_080

/** What a receiver answered; null if it could not be reached. */
const post = (
  url: string,
  ca: string,
  body: string | null,
): Promise<{ status: number; text: string } | null> =>
  new Promise((resolve) => {
    const headers = body === null ? { 'content-type': 'text/plain' } : { 'content-type': 'application/json' }
    const request = https.request(url, { method: 'POST', ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      )
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
    request.end(body ?? '')
  })

/** Subscriptions to a mailbox: a handshake, then a notice of each change. `ca` signs whoever is notified. */
export const subscriptionRoutes = (ca: string) => {
  const all = new Map<string, Subscription & { readonly end: () => void }>()

  const notify = (subscription: Subscription, more: Record<string, unknown>, url: string): void => {
    const { id, clientState, expirationDateTime } = subscription
    const notice = {
      subscriptionId: id,
      clientState,
      subscriptionExpirationDateTime: expirationDateTime,
      ...more,
    }
    void post(url, ca, JSON.stringify({ value: [notice] }))
  }
  const isLate = (at: unknown): boolean => {
    const ms = Date.parse(String(at)) - Date.now()
    return !(ms > 0 && ms <= MOST_MINUTES * 60_000)
  }
  const shown = ({ end: _end, ...subscription }: Subscription & { end: () => void }) => subscription
  const watch = (mailbox: GraphMailbox, subscription: Subscription) =>
    mailbox.onChange(({ did, id }) => {
      const changeType = did === 'arrived' ? 'created' : did === 'left' ? 'deleted' : 'updated'
      if (!subscription.changeType.split(',').includes(changeType)) return
      const resourceData = { '@odata.type': '#Microsoft.Graph.Message', id }
      notify(
        subscription,
        { changeType, resource: 'me/messages', resourceData },
        subscription.notificationUrl,
      )
    })

  const routes: Routes = {
    'POST subscriptions': async ({ mailbox, body }) => {
      const asked = jsonOf(body) as Omit<Subscription, 'id'>
      if (!asked.notificationUrl?.startsWith('https://') || isLate(asked.expirationDateTime))
        return refused(400, 'InvalidRequest')
      for (const url of new Set([
        asked.notificationUrl,
        asked.lifecycleNotificationUrl ?? asked.notificationUrl,
      ])) {
        const validationToken = `Validation: ${randomUUID()} <&>`
        const heard = await post(`${url}?validationToken=${encodeURIComponent(validationToken)}`, ca, null)
        if (heard?.status !== 200 || heard.text !== validationToken) return refused(400, 'ValidationError')
      }
      const subscription = { ...asked, id: randomUUID() }
      const entry = { ...subscription, end: watch(mailbox, subscription) }
      all.set(entry.id, entry)
      return { status: 201, json: subscription }
    },
    'GET subscriptions/{id}': ({ ids }) => {
      const found = all.get(ids[0]!)
      return found === undefined ? notFound() : { status: 200, json: shown(found) }
    },
    'PATCH subscriptions/{id}': ({ ids, body }) => {
      const found = all.get(ids[0]!)
      const { expirationDateTime } = jsonOf(body)
      if (found === undefined) return notFound()
      if (isLate(expirationDateTime)) return refused(400, 'InvalidRequest')
      all.set(found.id, { ...found, expirationDateTime: String(expirationDateTime) })
      return { status: 200, json: shown(all.get(found.id)!) }
    },
    'POST subscriptions/{id}/reauthorize': ({ ids }) => (all.has(ids[0]!) ? { status: 204 } : notFound()),
    'DELETE subscriptions/{id}': ({ ids }) => {
      all.get(ids[0]!)?.end()
      return all.delete(ids[0]!) ? { status: 204 } : notFound()
    },
  }
  return {
    routes,
    all: () => [...all.values()],
    /** Tells every receiver what becomes of its subscription; `subscriptionRemoved` also takes it away. */
    tellLifecycle: (lifecycleEvent: 'missed' | 'reauthorizationRequired' | 'subscriptionRemoved'): void => {
      for (const subscription of all.values()) {
        const url = subscription.lifecycleNotificationUrl
        if (url !== undefined) notify(subscription, { lifecycleEvent }, url)
        if (lifecycleEvent !== 'subscriptionRemoved') continue
        subscription.end()
        all.delete(subscription.id)
      }
    },
    close: () => all.values().forEach(({ end }) => end()),
  }
}
