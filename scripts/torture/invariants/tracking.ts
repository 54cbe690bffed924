import { ofType, type Invariant } from '../evidence.ts'

const count = <Item>(items: readonly Item[], keyOf: (item: Item) => string, of: (item: Item) => number) => {
  const sums = new Map<string, number>()
  for (const item of items) sums.set(keyOf(item), (sums.get(keyOf(item)) ?? 0) + of(item))
  return sums
}

export const hitsAreRecorded: Invariant = {
  name: 'every answered hit is recorded or folded as a repeat, once; nothing else is',
  atRest: true,
  check: ({ asked, events }) => {
    const recorded = ofType(events, 'OpenTracked', 'ClickTracked').map(({ type, data }) => ({
      outgoingId: data.outgoingId,
      kind: type === 'OpenTracked' ? 'open' : 'click',
      url: 'url' in data ? data.url : null,
      requests: 1 + data.repeats,
    }))
    type Key = { outgoingId: string; kind: string }
    const byKind = ({ outgoingId, kind }: Key) => `${outgoingId} ${kind}`
    const sure = count(asked.hits, byKind, ({ answered }) => (answered ? 1 : 0))
    const most = count(asked.hits, byKind, () => 1)
    const told = count(recorded, byKind, ({ requests }) => requests)
    const broken: string[] = []
    for (const key of new Set([...most.keys(), ...told.keys()])) {
      const [low, high, is] = [sure, most, told].map((sums) => sums.get(key) ?? 0) as [number, number, number]
      if (is < low || is > high)
        broken.push(`${key}: ${low} answered, ${high - low} perhaps, and ${is} recorded`)
    }
    const clicks = asked.hits.filter(({ kind, answered }) => kind === 'click' && answered)
    const byLink = ({ outgoingId, url }: { outgoingId: string; url: string | null }) => `${outgoingId} ${url}`
    const toldOfLinks = count(recorded, byLink, ({ requests }) => requests)
    for (const [key, low] of count(clicks, byLink, () => 1))
      if ((toldOfLinks.get(key) ?? 0) < low)
        broken.push(`${key}: ${low} answered, ${toldOfLinks.get(key) ?? 0} recorded`)
    const answered = asked.hits.filter((hit) => hit.answered).length
    const repeats = recorded.reduce((sum, { requests }) => sum + requests - 1, 0)
    return {
      looked: `${answered} answered, ${asked.hits.length - answered} perhaps; ${recorded.length} recorded, ${repeats} folded`,
      broken,
    }
  },
}

export const repliesAreRecordedOnce: Invariant = {
  name: 'every answer of a customer is recorded as a reply, once',
  atRest: true,
  check: ({ events, asked }) => {
    const replies = ofType(events, 'EmailReplied')
    const broken = [...Map.groupBy(replies, ({ data }) => `${data.outgoingId} ${data.messageId}`)]
      .filter(([, of]) => of.length > 1)
      .map(([key, of]) => `${key} is recorded ${of.length} times`)
    const ours = new Map(asked.wishes.map(({ outgoingId }) => [outgoingId, true]))
    const told = new Set(replies.map(({ data }) => data.messageId))
    for (const { data } of ofType(events, 'MessageSynced')) {
      const names = [...data.header.inReplyTo, ...data.header.references].map((id) => id.split('@')[0] ?? '')
      if (data.direction === 'in' && names.some((id) => ours.has(id)) && !told.has(data.messageId))
        broken.push(`${data.messageId} answers ${names.join(' ')}, and is no reply in the log`)
    }
    return { looked: `${replies.length} replies`, broken }
  },
}
