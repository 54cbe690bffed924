import type { EventOf } from '../event.ts'
import type { ClickTracked, OpenTracked } from './events.ts'
import { agentKind } from './known-agents.ts'

/** Raised with every change of the rules or the known agents; past hits are judged again by replay. */
export const CLASSIFIER_VERSION = 2

/** Who made a request: a person, a machine, one of our own people viewing it in the CRM, or unknown. */
export type Verdict = 'human' | 'machine' | 'own' | 'unknown'

/** Which rule decided. `repeat` is a person's and is not counted again; `held` waits for what may follow. */
export type Reason =
  | 'person'
  | 'repeat'
  | 'held'
  | 'own'
  | 'not-a-get'
  | 'prefetch'
  | 'known-agent'
  | 'privacy-proxy'
  | 'before-acceptance'
  | 'too-soon'
  | 'burst'
  | 'pair'
  | 'no-agent'

export type Judgement = { readonly verdict: Verdict; readonly reason: Reason }

/**
 * What the rules need to know about a hit, as plain data. `at` is in ms since 1970, `source` stands for network and
 * agent, and `alone` is the judgement from the request itself, null if only its neighbours can decide.
 */
export type Hit = {
  readonly id: string
  readonly kind: 'open' | 'click'
  readonly at: number
  readonly recipient: number | null
  readonly link: number | null
  readonly source: number
  readonly alone: Judgement | null
}

/**
 * `acceptedAt`: when the receiving side took the email, in ms since 1970; null until then. `links`: how many are
 * tracked.
 */
export type JudgedEmail = { readonly acceptedAt: number | null; readonly links: number }

const SOON_MS = 2000
const BURST_MS = 1000
const SLOW_BURST_MS = 10_000
const SLOW_BURST_SHARE = 0.6
const BURST_LINKS = 3
const PAIR_MS = 5000
const REPEAT_MS = 30_000
/** A hit counts as a person's only if no burst has shown for this long after it. */
export const HOLD_MS = 15_000

/** Extracts from a hit what the rules look at. */
export const inspectHit = (id: string, event: EventOf<typeof OpenTracked | typeof ClickTracked>): Hit => {
  const { at, recipient, ip, userAgent } = event.data
  const kind = event.type === 'OpenTracked' ? 'open' : 'click'
  return {
    id,
    kind,
    at: Date.parse(at),
    recipient,
    link: event.type === 'ClickTracked' ? event.data.link : null,
    source: hash(`${networkOf(ip) ?? ''}\n${userAgent ?? ''}`),
    alone: judgeAlone(kind, event.data),
  }
}

const judgeAlone = (kind: 'open' | 'click', hit: EventOf<typeof OpenTracked>['data']): Judgement | null => {
  if (hit.own) return { verdict: 'own', reason: 'own' }
  if (hit.method !== 'GET') return { verdict: 'machine', reason: 'not-a-get' }
  if (hit.prefetch) return { verdict: 'machine', reason: 'prefetch' }
  switch (agentKind(hit.userAgent)) {
    case 'person':
      return null
    case 'gmail-prefetch':
      return { verdict: 'machine', reason: 'prefetch' }
    case 'privacy-proxy':
      return { verdict: 'machine', reason: kind === 'open' ? 'privacy-proxy' : 'known-agent' }
    case 'machine':
      return { verdict: 'machine', reason: 'known-agent' }
    case null:
      if (hit.bot === true) return { verdict: 'machine', reason: 'known-agent' }
      return hit.userAgent === null ? { verdict: 'unknown', reason: 'no-agent' } : null
  }
}

/**
 * Judges all hits of one email together, in any order; the answers are in the order of the hits. With `now` (ms since
 * 1970), hits too recent to count as a person's are held as unknown.
 */
export const classifyHits = (message: JudgedEmail, hits: readonly Hit[], now?: number): Judgement[] => {
  const judged = new Map<Hit, Judgement>()
  for (const hit of hits) {
    const judgement = hit.alone ?? judgeTime(message, hit)
    if (judgement) judged.set(hit, judgement)
  }
  for (const group of byRecipient(hits)) judgeTogether(message, group, judged)
  return hits.map((hit) => {
    const judgement = judged.get(hit) ?? { verdict: 'human', reason: 'person' }
    const young = now !== undefined && now - hit.at < HOLD_MS
    return young && judgement.verdict === 'human' ? { verdict: 'unknown', reason: 'held' } : judgement
  })
}

const judgeTime = ({ acceptedAt }: JudgedEmail, { at }: Hit): Judgement | null => {
  if (acceptedAt === null || at < acceptedAt) return { verdict: 'machine', reason: 'before-acceptance' }
  return at < acceptedAt + SOON_MS ? { verdict: 'machine', reason: 'too-soon' } : null
}

type Judged = Map<Hit, Judgement>

/** Separate copies are judged separately: two people who click at the same moment are not a burst. */
const byRecipient = (hits: readonly Hit[]): Hit[][] => {
  const ordered = hits
    .filter(({ alone }) => alone?.verdict !== 'own')
    .toSorted((one, other) => one.at - other.at)
  return [...Map.groupBy(ordered, ({ recipient }) => recipient).values()]
}

const judgeTogether = ({ links }: JudgedEmail, hits: readonly Hit[], judged: Judged): void => {
  const clicks = hits.filter(({ kind }) => kind === 'click')
  const fast = links === 2 ? 2 : BURST_LINKS
  const bursts = burstsOf(clicks, BURST_MS, fast)
  // Fast bursts are removed first, so that a person's click some seconds later is not drawn in.
  const rest = clicks.filter((click) => !bursts.has(click))
  const slow = burstsOf(rest, SLOW_BURST_MS, Math.max(BURST_LINKS, Math.ceil(links * SLOW_BURST_SHARE)))
  const scanned = [...bursts, ...slow]
  for (const click of scanned) setIfNone(judged, click, { verdict: 'machine', reason: 'burst' })
  // A scanner that follows the links often loads the pixel too.
  for (const open of hits.filter(({ kind }) => kind === 'open'))
    if (scanned.some(({ source, at }) => source === open.source && Math.abs(at - open.at) <= SLOW_BURST_MS))
      setIfNone(judged, open, { verdict: 'machine', reason: 'burst' })
  judgePairs(clicks, judged)
  judgeRepeats(hits, judged)
}

const setIfNone = (judged: Judged, hit: Hit, judgement: Judgement): void => {
  if (!judged.has(hit)) judged.set(hit, judgement)
}

/** Clicks, ordered by time, that fall into a window with at least this many different links. */
const burstsOf = (clicks: readonly Hit[], windowMs: number, atLeast: number): Set<Hit> => {
  const found = new Set<Hit>()
  const inWindow = new Map<number | null, number>()
  let first = 0
  let marked = 0
  for (const [last, click] of clicks.entries()) {
    inWindow.set(click.link, (inWindow.get(click.link) ?? 0) + 1)
    for (let oldest = clicks[first]; oldest && click.at - oldest.at > windowMs; oldest = clicks[++first]) {
      const left = (inWindow.get(oldest.link) ?? 0) - 1
      if (left > 0) inWindow.set(oldest.link, left)
      else inWindow.delete(oldest.link)
    }
    if (inWindow.size < atLeast) continue
    for (const member of clicks.slice(Math.max(first, marked), last + 1)) found.add(member)
    marked = last + 1
  }
  return found
}

/**
 * A check at the time of a click (Safe Links) and the click itself: one link, two sources, seconds apart. The last
 * counts.
 */
const judgePairs = (clicks: readonly Hit[], judged: Judged): void => {
  const open = clicks.filter((click) => !judged.has(click))
  for (const same of Map.groupBy(open, ({ link }) => link).values())
    for (const [index, click] of same.entries()) {
      const next = same[index + 1]
      if (next && next.source !== click.source && next.at - click.at <= PAIR_MS)
        judged.set(click, { verdict: 'machine', reason: 'pair' })
    }
}

/** The same request from the same source within the window is one hit, even if the spool could not fold it. */
const judgeRepeats = (hits: readonly Hit[], judged: Judged): void => {
  const firsts = new Map<string, number>()
  for (const hit of hits) {
    if (judged.has(hit)) continue
    const key = `${hit.kind} ${hit.link} ${hit.source}`
    const first = firsts.get(key)
    if (first !== undefined && hit.at - first < REPEAT_MS)
      judged.set(hit, { verdict: 'human', reason: 'repeat' })
    else firsts.set(key, hit.at)
  }
}

/** The network of an address, /24 or /48: enough for the rules, but no longer one person's. */
export const networkOf = (ip: string | null): string | null => {
  if (ip === null) return null
  const v4 = /^(?:::ffff:)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/i.exec(ip)
  if (v4) return `${v4[1]}.0/24`
  if (!ip.includes(':')) return null
  const [head = '', tail] = ip.split('%', 1)[0]!.split('::', 2)
  const left = head === '' ? [] : head.split(':')
  const right = !tail ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = [...left, ...zeros, ...right].slice(0, 3)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/48`
}

/** FNV-1a, 32 bits: tells sources apart within one email without revealing them. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0
  return value
}
