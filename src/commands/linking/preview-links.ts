import type { LinkRules } from '../../domain/accounts/events.ts'
import type { Link, RecordRef } from '../../domain/linking/events.ts'
import {
  contactKeys,
  factsFrom,
  type FactList,
  type KnownCompany,
  type KnownContact,
} from '../../domain/linking/facts.ts'
import { accountKey, domainKey, KEYS_AT_ONCE } from '../../domain/linking/keys.ts'
import { currentLinks, recordKey, type Links } from '../../domain/linking/links.ts'
import { match, MATCHER } from '../../domain/linking/match.ts'
import { messageLinks } from '../../domain/linking/message-links.ts'
import type { BatchOf, MatchBatch, ToMatch } from '../../domain/linking/match-batch.ts'
import type { MatchDeps } from './match-messages.ts'

/** What is to be tried out: records put or removed, contacts merged into others, and accounts with other rules. */
export type LinkChanges = {
  readonly contacts: readonly KnownContact[]
  readonly companies: readonly KnownCompany[]
  readonly remove: readonly RecordRef[]
  readonly merge: readonly { readonly contactId: string; readonly into: string }[]
  readonly rules: readonly {
    readonly accountId: string
    readonly autoLink?: boolean | undefined
    readonly linkRules?: LinkRules | undefined
  }[]
}

type Counts = Record<string, { added: number; removed: number }>
type Sample = {
  readonly messageId: string
  readonly accountId: string
  readonly added: readonly Link[]
  readonly removed: readonly RecordRef[]
}

export type LinkPreview = {
  /** Messages that would be examined, and those of them whose links or suggestions would change. */
  readonly examined: number
  readonly changed: number
  readonly isComplete: boolean
  readonly links: Counts
  readonly suggestions: Counts
  readonly sample: readonly Sample[]
}

export type PreviewDeps = Pick<MatchDeps, 'isFreeMail'> & {
  readonly nextToMatch: (of: BatchOf) => Promise<MatchBatch>
  readonly knownRecords: (
    contactIds: readonly string[],
    companyIds: readonly string[],
  ) => Promise<Pick<FactList, 'contacts' | 'companies'>>
  /** The accounts that a user may use. */
  readonly readableAccounts: (userId: string) => Promise<readonly string[]>
}

const BATCH = 1_000
const MOST_EXAMINED = 250_000
const SAMPLE = 20

/**
 * What the rules would link and suggest otherwise after some changes, by the same code as does it then: nothing is
 * changed. A user is told of the mail in accounts that they may use.
 */
export const previewLinks =
  (deps: PreviewDeps) =>
  async (changes: LinkChanges, userId: string | null): Promise<LinkPreview> => {
    const overlay = await overlayOf(deps, changes)
    const usable = userId === null ? null : new Set(await deps.readableAccounts(userId))
    const seen = preview()
    for await (const { messages, facts: before } of batchesUnder(overlay.keys, deps)) {
      const facts = factsFrom(overlay.laidOver(before), deps.isFreeMail)
      for (const message of messages) {
        const { messageId, accountId } = message.subject
        if (seen.has(messageId) || (usable && !usable.has(accountId))) continue
        seen.add(message, match(message.subject, facts, overlay.rulesOf(message)))
      }
      if (seen.examined() >= MOST_EXAMINED) return seen.result(false)
    }
    return seen.result(true)
  }

/** The messages that have any of these keys: one that has several may come more than once. */
const batchesUnder = async function* (
  keys: readonly string[],
  { nextToMatch }: PreviewDeps,
): AsyncGenerator<MatchBatch> {
  for (let from = 0; from < keys.length; from += KEYS_AT_ONCE)
    for (let after: string | null = null; ;) {
      const some = keys.slice(from, from + KEYS_AT_ONCE)
      const batch: MatchBatch = await nextToMatch({ after, upTo: null, keys: some, limit: BATCH })
      yield batch
      after = batch.messages.at(-1)?.position ?? null
      if (batch.messages.length < BATCH) break
    }
}

/** The changes as they lie over the facts of before, and the keys under which something would change. */
const overlayOf = async (deps: PreviewDeps, { contacts, companies, remove, merge, rules }: LinkChanges) => {
  const removed = (wanted: RecordRef['kind']) =>
    remove.flatMap(({ kind, id }) => (kind === wanted ? [id] : []))
  const merged = merge.map(({ contactId }) => contactId)
  const before = await deps.knownRecords(
    [
      ...contacts.map(({ id }) => id),
      ...removed('contact'),
      ...merge.flatMap(({ contactId, into }) => [contactId, into]),
    ],
    [...companies.map(({ id }) => id), ...removed('company')],
  )
  const puts = new Map(contacts.map((each) => [each.id, each]))
  const contactOf = (id: string) => puts.get(id) ?? before.contacts.find((each) => each.id === id)
  for (const { contactId, into } of merge) {
    const [gone, survivor] = [contactOf(contactId), contactOf(into)]
    if (gone && survivor)
      puts.set(into, { ...survivor, emails: [...new Set([...survivor.emails, ...gone.emails])] })
  }
  for (const id of [...removed('contact'), ...merged]) puts.delete(id)
  const companyPuts = companies.filter(({ id }) => !removed('company').includes(id))
  const others = <Item extends { readonly id: string }>(known: readonly Item[], ids: readonly string[]) => {
    const gone = new Set(ids)
    return known.filter(({ id }) => !gone.has(id))
  }
  const changed = new Map(rules.map((each) => [each.accountId, each]))
  return {
    keys: [
      ...new Set([
        ...[...before.contacts, ...puts.values()].flatMap(contactKeys),
        ...[...before.companies, ...companyPuts].flatMap(({ domains }) => domains.map(domainKey)),
        ...rules.map(({ accountId }) => accountKey(accountId)),
      ]),
    ],
    laidOver: (facts: FactList): FactList => ({
      ...facts,
      contacts: [
        ...others(facts.contacts, [...puts.keys(), ...removed('contact'), ...merged]),
        ...puts.values(),
      ],
      companies: [
        ...others(facts.companies, [...companies.map(({ id }) => id), ...removed('company')]),
        ...companyPuts,
      ],
    }),
    rulesOf: ({ subject, rules: own }: ToMatch) => {
      const asked = changed.get(subject.accountId)
      return { ...own, ...asked?.linkRules, autoLink: asked?.autoLink ?? own.autoLink }
    },
  }
}

/** Counts what would change. */
const preview = () => {
  const examined = new Set<string>()
  let changed = 0
  const [links, suggestions]: [Counts, Counts] = [{}, {}]
  const sample: Sample[] = []
  return {
    has: (messageId: string): boolean => examined.has(messageId),
    examined: () => examined.size,
    add: (message: ToMatch, after: Pick<Links, 'links' | 'suggestions'>): void => {
      const { recorded, subject } = message
      const { messageId, accountId } = subject
      examined.add(messageId)
      const command = { do: 'match', messageId, accountId, ...after, matcher: MATCHER, factsAt: '' } as const
      if (messageLinks.decide(command, recorded).length === 0) return
      changed++
      const was = currentLinks(recorded)
      const is = currentLinks({ ...recorded, ...after })
      const change = count(links, was.links, is.links)
      count(suggestions, was.suggestions, is.suggestions)
      if (sample.length < SAMPLE && change.added.length + change.removed.length > 0)
        sample.push({
          messageId,
          accountId,
          added: change.added.flatMap((each) => (each.rule === 'hand' ? [] : [{ ...each, rule: each.rule }])),
          removed: change.removed.map(({ record }) => record),
        })
    },
    result: (isComplete: boolean): LinkPreview => ({
      examined: examined.size,
      changed,
      isComplete,
      links,
      suggestions,
      sample,
    }),
  }
}

type Ruled = ReturnType<typeof currentLinks>['links'][number]

const count = (counts: Counts, was: readonly Ruled[], is: readonly Ruled[]) => {
  const keyOf = ({ record, rule }: Ruled): string => `${recordKey(record)} ${rule}`
  const [before, after] = [new Set(was.map(keyOf)), new Set(is.map(keyOf))]
  const added = is.filter((each) => !before.has(keyOf(each)))
  const removed = was.filter((each) => !after.has(keyOf(each)))
  const under = (rule: string) => (counts[rule] ??= { added: 0, removed: 0 })
  for (const { rule } of added) under(rule).added++
  for (const { rule } of removed) under(rule).removed++
  return { added, removed }
}
