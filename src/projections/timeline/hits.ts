import { judgeEngagement, type Engagement } from '../../domain/analytics/engagement.ts'
import type { Hit, Judgement } from '../../domain/tracking/classify-hit.ts'
import { entryIdOf, newEntry } from './items.ts'
import type { EmailRow, EntryRow, HitGroup, HitGroups, Item } from './tables.ts'

/** Links of an email with entries of their own; clicks on the rest share one. */
const LINKS_APART = 20

/**
 * Adds up hits as the tracking report does: a repeat does not count. Ten thousand opens are one entry with a count and
 * the times of the first and the last; the tracking report has each of them.
 */
const withHit = (groups: HitGroups, hit: Hit, { verdict, reason }: Judgement): HitGroups => {
  if (reason === 'repeat') return groups
  const kind = hit.kind === 'open' ? 'opened' : 'clicked'
  const link = hit.link !== null && hit.link < LINKS_APART ? hit.link : null
  const key = [kind, verdict, ...(link === null ? [] : [link])].join('.')
  const known = groups[key]
  const group: HitGroup = {
    kind,
    verdict,
    link,
    count: (known?.count ?? 0) + 1,
    firstAt: Math.min(known?.firstAt ?? hit.at, hit.at),
    lastAt: Math.max(known?.lastAt ?? hit.at, hit.at),
  }
  return { ...groups, [key]: group }
}

const counted = (
  settled: HitGroups,
  hits: readonly Hit[],
  judgements: ReadonlyMap<string, Judgement>,
): HitGroups =>
  hits.reduce((groups, hit) => {
    const judgement = judgements.get(hit.id)
    return judgement ? withHit(groups, hit, judgement) : groups
  }, settled)

/** All hits of the email by what became of them. */
export const groupsOf = (settled: HitGroups, engagement: Engagement): HitGroups =>
  counted(settled, engagement.hits, judgeEngagement(engagement).judgements)

/** The verdicts on hits that are no longer kept are final. */
export const settledAfter = (settled: HitGroups, before: Engagement, after: Engagement): HitGroups => {
  const kept = new Set(after.hits.map(({ id }) => id))
  const gone = before.hits.filter(({ id }) => !kept.has(id))
  return gone.length === 0 ? settled : counted(settled, gone, judgeEngagement(before).judgements)
}

const textOf = (ms: number): string => new Date(ms).toISOString()

export const hitEntryId = (itemId: string, key: string): string => entryIdOf(itemId, key)

export const hitEntry = (
  item: Item,
  email: EmailRow,
  [key, { kind, verdict, link, count, firstAt, lastAt }]: readonly [string, HitGroup],
  position: string,
): EntryRow => {
  const found = link === null ? undefined : email.links.find(({ index }) => index === link)
  return newEntry({
    entry_id: hitEntryId(item.id, key),
    account_id: item.account_id,
    kind,
    direction: 'in',
    verdict,
    at: textOf(firstAt),
    count,
    last_at: textOf(lastAt),
    position,
    content: {
      title: email.subject,
      to: email.to,
      link: found ? { url: found.url, text: found.text } : null,
    },
  })
}
