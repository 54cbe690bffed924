import { setTimeout as sleep } from 'node:timers/promises'
import type { Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Work } from './load.ts'
import type { World } from './world.ts'

/** An email that was requested, and what may become of it. */
export type Wish = {
  readonly mark: string
  readonly outgoingId: string
  readonly user: string
  readonly recipients: readonly string[]
  /** Not before this instant, if one was given: milliseconds since the epoch. */
  readonly scheduledAt: number | null
  readonly undoMs: number
  readonly askedAt: number
  cancelled: boolean
}

type Parts = {
  readonly world: World
  readonly commander: Commander
  readonly chance: Chance
  readonly accounts: ReadonlyMap<string, string>
  readonly enough: AbortSignal
  /** All for later, within this time; null for now or soon. */
  readonly withinMs: number | null
}

/** More in progress at once of one person would only prolong the end: Gmail lets send about one in two seconds. */
const MOST_WAITING = 25

/** Writes an email, now or for later, from a draft or directly, and sometimes cancels it. */
export const sendingWork = (parts: Parts, wishes: Wish[]): Work => {
  const { chance, world, commander, accounts, enough, withinMs } = parts
  let count = 0
  const run = chance.between(1e8, 9e8)
  return async () => {
    const person = chance.pick(world.people)
    const isTheirs = ({ user }: { user: string }) => user === person.address
    const wished = wishes.filter((wish) => isTheirs(wish) && !wish.cancelled)
    if (wished.length - world.sunk.filter(isTheirs).length > MOST_WAITING) return sleep(50)
    const mark = `wish-${run}-${count++}`
    const names = ['to', 'cc', 'bcc'] as const
    const addressed = names.map((name, place) => {
      const some = place === 0 ? 1 : chance.oneIn(4) ? chance.between(1, 2) : 0
      return [name, Array.from({ length: some }, (_, n) => ({ address: `${name}${n}.${mark}@client.test` }))]
    })
    const email = {
      accountId: accounts.get(person.address),
      ...(Object.fromEntries(addressed) as Record<(typeof names)[number], { address: string }[]>),
      subject: `Offer ${mark}`,
      html: bodyOf(mark, chance),
      attachments: chance.oneIn(6) ? [await upload(parts, mark)] : [],
    }
    const [from, to, often] = withinMs === null ? [500, 6000, 4] : [2000, withinMs, 1]
    const scheduledAt = chance.oneIn(often) ? Date.now() + chance.between(from, to) : null
    const undoSeconds = chance.oneIn(4) ? chance.between(1, 4) : 0
    const when = {
      scheduledAt: scheduledAt === null ? null : new Date(scheduledAt).toISOString(),
      undoSeconds,
    }
    const content = chance.oneIn(5) ? { draftId: await draft(parts, mark, email) } : { email }
    const queued = await commander.ask({
      name: 'queue',
      method: 'POST',
      path: '/v1/outbox',
      body: { ...content, ...when },
      mark,
    })
    if (queued.answer.status !== 201) return
    const wish: Wish = {
      mark,
      outgoingId: (queued.answer.body as { id: string }).id,
      user: person.address,
      recipients: names.flatMap((name) => email[name].map(({ address }) => address)),
      scheduledAt,
      undoMs: undoSeconds * 1000,
      askedAt: queued.askedAt,
      cancelled: false,
    }
    wishes.push(wish)
    if (withinMs !== null || !chance.oneIn(scheduledAt === null && undoSeconds === 0 ? 10 : 3)) return
    await sleep(chance.between(0, 3000), undefined, { signal: enough }).catch(() => {})
    const cancelled = await commander.ask({
      name: 'cancel',
      method: 'POST',
      path: `/v1/outbox/${wish.outgoingId}/cancellation`,
      mark: wish.outgoingId,
    })
    wish.cancelled = cancelled.answer.status === 200
  }
}

const bodyOf = (mark: string, chance: Chance): string =>
  [
    `<p>Dear reader of ${mark},</p>`,
    ...Array.from(
      { length: chance.between(0, 3) },
      (_, n) => `<p><a href="https://shop.test/${mark}/${n}?a=1&amp;b=2">our offer ${n}</a></p>`,
    ),
    `<p>${'All the best. '.repeat(chance.between(1, 40))}</p>`,
  ].join('\n')

const upload = async ({ commander, chance }: Parts, mark: string): Promise<unknown> => {
  const file = Buffer.from(`${mark} ${'x'.repeat(chance.between(1, 20_000))}`)
  const { answer } = await commander.ask({
    name: 'upload',
    method: 'POST',
    path: '/v1/attachments?name=offer.txt',
    file,
  })
  return answer.body
}

/**
 * A draft that is changed once.
 * @returns its id
 */
const draft = async ({ commander }: Parts, mark: string, email: object): Promise<string> => {
  const begun = await commander.ask({
    name: 'begin draft',
    method: 'POST',
    path: '/v1/drafts',
    body: { ...email, subject: `Draft ${mark}` },
    mark,
  })
  const { id } = begun.answer.body as { id: string }
  await commander.ask({
    name: 'change draft',
    method: 'PATCH',
    path: `/v1/drafts/${id}`,
    body: { subject: `Offer ${mark}` },
    headers: { 'if-match': begun.answer.etag ?? '' },
    mark,
  })
  return id
}
