import { isDeepStrictEqual } from 'node:util'
import { currentLinks, noLinks, recordKey } from '../../../src/domain/linking/links.ts'
import { match } from '../../../src/domain/linking/match.ts'
import { schemaOf } from '../../../src/projections/projection.ts'
import { messageLinks } from '../../../src/projections/linking/message-links.ts'
import { ofType, type Evidence, type Invariant } from '../evidence.ts'
import { deletedIn, factsIn, recordedLinks, rulesIn, subjectsIn } from './link-facts.ts'

export const everyLinkIsExplained: Invariant = {
  name: 'every message has the links that the rules give it by the directory as it is, and what people decided',
  atRest: true,
  check: async (evidence) => {
    const { events } = evidence
    const recorded = recordedLinks(events)
    const facts = factsIn(events, recorded)
    const rules = rulesIn(events)
    const deleted = deletedIn(events)
    const shown = await shownLinks(evidence)
    const broken: string[] = []
    const count = { messages: 0, links: 0, suggestions: 0 }
    for (const subject of subjectsIn(events)) {
      const { messageId, accountId } = subject
      const links = recorded.get(messageId) ?? noLinks
      const expected = match(subject, facts, rules.get(accountId)!)
      const { links: matched, suggestions } = links
      if (!isDeepStrictEqual({ links: matched, suggestions }, expected))
        broken.push(`${messageId} has ${JSON.stringify(links)}, the rules give ${JSON.stringify(expected)}`)
      const current = currentLinks(deleted.has(messageId) ? noLinks : links)
      const are = (shown.get(messageId) ?? []).toSorted()
      const should = current.links.map(({ record, rule }) => `${recordKey(record)} ${rule}`).toSorted()
      if (!isDeepStrictEqual(are, should))
        broken.push(`${messageId} is shown with ${are.join()}, and has ${should.join()}`)
      count.messages++
      count.links += should.length
      count.suggestions += current.suggestions.length
    }
    return {
      looked: `${count.messages} messages with ${count.links} links and ${count.suggestions} suggestions`,
      broken,
    }
  },
}

/** What people see, by message. */
const shownLinks = async ({ pool }: Evidence): Promise<ReadonlyMap<string, string[]>> => {
  const { rows } = await pool.query<{ message_id: string; links: string[] }>(
    `select message_id, array_agg(record_kind || ':' || record_id || ' ' || rule) as links
     from ${schemaOf(messageLinks)}.link group by message_id`,
  )
  return new Map(rows.map(({ message_id, links }) => [message_id, links]))
}

export const nothingIsLinkedTwice: Invariant = {
  name: 'no message is linked to a record twice, and no result of matching is recorded twice',
  atRest: false,
  check: ({ events }) => {
    const broken: string[] = []
    const before = new Map<string, string>()
    const matched = ofType(events, 'MessageMatched')
    for (const { data, position } of matched) {
      const { messageId, links, suggestions } = data
      const keys = [...links, ...suggestions].map(({ record }) => recordKey(record))
      if (new Set(keys).size < keys.length) broken.push(`${messageId} at ${position}: ${keys.join()}`)
      const result = JSON.stringify([links, suggestions])
      if ((before.get(messageId) ?? '[[],[]]') === result)
        broken.push(`${messageId} at ${position} is matched as it was before`)
      before.set(messageId, result)
    }
    return { looked: `${matched.length} results of ${before.size} messages`, broken }
  },
}

/** Whichever was recorded last before a kill tells whether a run was under way. */
export const everyRunIsFinished: Invariant = {
  name: 'all runs that reach back to older messages are finished, also those amid which a worker was killed',
  atRest: true,
  check: ({ events, fire }) => {
    const told = ofType(events, 'MessageMatched', 'RelinkingProgressed', 'RelinkingFinished')
    const lastBefore = (at: number) => told.findLast(({ recordedAt }) => Date.parse(recordedAt) <= at)
    const kills = fire.tally.blows.map(({ to }) => lastBefore(to)?.type)
    const runs = ofType(events, 'RelinkingProgressed', 'RelinkingFinished')
    const amid = (type: string) => kills.filter((each) => each === type).length
    const last = runs.at(-1)
    return {
      looked: `${ofType(events, 'RelinkingFinished').length} runs; ${amid('MessageMatched')} kills while results were recorded, ${amid('RelinkingProgressed')} between two parts of a run`,
      broken: last?.type === 'RelinkingProgressed' ? [`The run up to ${last.data.upTo} is not finished`] : [],
    }
  },
}

/** Refused because the record, message or thread has changed since it was looked up: by the same load, or by a sync. */
const FAIR = new Set(['not-found', 'same-thread', 'message-not-in-thread', 'whole-thread'])

export const theStoryIsTold: Invariant = {
  name: 'every change of records, rules, links, threads and messages was taken, or refused for a good reason',
  atRest: true,
  check: ({ commander: { answered, unanswered } }) => {
    const counts = new Map<string, number>()
    const broken = unanswered.map((what) => `${what}: never answered`)
    for (const { name, answer } of answered) {
      const { code = '' } = (answer.body ?? {}) as { code?: string }
      if (answer.status < 300) counts.set(name, (counts.get(name) ?? 0) + 1)
      else if (!FAIR.has(code)) broken.push(`${name}: refused with ${JSON.stringify(answer.body)}`)
    }
    return { looked: [...counts].map(([name, count]) => `${count} ${name}`).join(', '), broken }
  },
}
