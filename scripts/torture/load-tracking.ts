import { setTimeout as sleep } from 'node:timers/promises'
import { addressesIn } from '../demo/world.ts'
import type { Chance } from './chance.ts'
import type { Fire } from './fire.ts'
import type { Work } from './load.ts'
import type { Sunk, World } from './world.ts'

/** A request for a pixel or a link that reached the service, or may have. */
export type Hit = {
  readonly outgoingId: string
  readonly kind: 'open' | 'click'
  /** Where a click led; null for a pixel, and if there was no answer. */
  readonly url: string | null
  readonly answered: boolean
}

type Parts = { readonly world: World; readonly fire: Fire; readonly chance: Chance }

const AGENTS = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0',
  'Mozilla/5.0 (compatible; SomeBot/1.0; +https://bot.test)',
]

/** Readers open emails that have arrived and follow their links; programs request some with HEAD. */
export const trackingWork = ({ world, fire, chance }: Parts, hits: Hit[]): Work => {
  const known = new Map<Sunk, ReturnType<typeof addressesIn>>()
  const addressesOf = (mail: Sunk) => {
    const found = known.get(mail) ?? addressesIn({ user: mail.user, envelope: mail, raw: mail.raw })
    known.set(mail, found)
    return found
  }
  return async () => {
    if (world.sunk.length === 0) return
    const mail = chance.pick(world.sunk)
    const { pixel, links } = addressesOf(mail)
    const tracked = links.filter((link) => link.includes('/t/c/'))
    const isClick = tracked.length > 0 && chance.oneIn(2)
    const target = isClick ? chance.pick(tracked) : pixel
    if (target === null) return
    const method = chance.oneIn(10) ? 'HEAD' : 'GET'
    const kind = isClick ? 'click' : 'open'
    const here = target.replace(fire.trackingUrl, fire.url())
    const { answered, reached, url } = await visit(here, method, chance.pick(AGENTS))
    if (method === 'GET' && reached) hits.push({ outgoingId: mail.outgoingId, kind, url, answered })
    if (!answered) await fire.up(1000)
    else if (chance.oneIn(12)) await sleep(500)
  }
}

const visit = async (url: string, method: string, agent: string) => {
  try {
    const answer = await fetch(url, { method, redirect: 'manual', headers: { 'user-agent': agent } })
    await answer.arrayBuffer()
    const answered = answer.status === 200 || answer.status === 302
    return { answered, reached: true, url: answer.headers.get('location') }
  } catch (error) {
    // If nobody was listening, nothing can have been recorded.
    const { cause } = error as { cause?: { code?: string } }
    return { answered: false, reached: cause?.code !== 'ECONNREFUSED', url: null }
  }
}
