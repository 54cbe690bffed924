import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { MailProvider } from '../../commands/ports/mail-provider.ts'

/** What Graph tells of a subscription, or of what becomes of it. */
const news = ['changed', 'missed', 'reauthorizationRequired', 'subscriptionRemoved'] as const
type News = (typeof news)[number]

/**
 * Push from Graph. `url` is where it posts to, a public https address; `key` signs what it repeats to us, so that any
 * process knows its word.
 */
export type GraphPush = {
  readonly url: string
  readonly key: Buffer
  /** To whoever watches a mailbox, in whatever process. */
  readonly tell: (word: string) => Promise<void>
  readonly onTold: (listener: (word: string) => void) => () => void
}

/** Graph repeats this with each notice of the subscription of that name (`clientState`, at most 128 characters). */
export const clientStateOf = ({ key }: GraphPush, name: string): string =>
  `${name}.${createHmac('sha256', key).update(name).digest('base64url')}`

const notices = z.object({
  value: z
    .array(z.object({ clientState: z.string().max(128), lifecycleEvent: z.string().max(64).optional() }))
    .max(1000),
})

/** False where a notice in it does not know what we gave to Graph. */
export const pushTaker =
  (push: GraphPush): NonNullable<MailProvider['takePush']> =>
  async ({ body }) => {
    const told = notices.safeParse(body).data?.value
    if (told === undefined) return false
    const words = told.map(({ clientState, lifecycleEvent = 'changed' }) => {
      const [name = ''] = clientState.split('.', 1)
      return isEqual(clientState, clientStateOf(push, name)) ? wordOf(name, lifecycleEvent) : null
    })
    if (words.includes(null)) return false
    for (const word of new Set(words)) if (word !== null) await push.tell(word)
    return true
  }

const isEqual = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const wordOf = (name: string, event: string): string => `outlook ${name} ${event}`

/** Calls back for news of the subscription of that name. @returns ends that */
export const onNews = ({ onTold }: GraphPush, name: string, heard: (what: News) => void): (() => void) =>
  onTold((word) => {
    const what = news.find((each) => word === wordOf(name, each))
    if (what !== undefined) heard(what)
  })
