import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { projections } from '../../src/app/read-models.ts'
import { verifyReadModels } from '../../src/adapters/postgres/projections/rebuild/verify.ts'
import {
  assignment,
  assignmentStream,
  type Assignment,
  type AssignmentCommand,
} from '../../src/domain/assignment/assignment.ts'
import { alwaysAvailable } from '../../src/domain/assignment/availability.ts'
import type { PickEvent } from '../../src/domain/assignment/events.ts'
import { conversationStream } from '../../src/domain/conversations/conversation.ts'
import { ConversationOpened, type ConversationEvent } from '../../src/domain/conversations/events.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { assignmentFacts } from '../../src/projections/assignment/assignment-facts.ts'
import { inParallel } from '../../src/std/in-parallel.ts'
import { idOf } from '../support/example-emails.ts'
import { accountId, messageIdOf } from '../support/example-sync-events.ts'
import { foldEvents } from '../support/fold-events.ts'
import { pagesFrom } from '../support/log-events.ts'
import { runs } from '../support/long-runs.ts'
import { logOf } from '../support/mail-in-log.ts'
import { startApp } from '../support/running-app.ts'

const mails = runs(300, 1_000)
const weights = { ann: 1, bea: 2, cem: 3, dag: 5, eva: 1, fay: 4, gus: 7 }
const members = Object.entries(weights).map(([userId, weight]) => ({ userId, weight, mostOpen: null }))
const rules = { rules: [{ kind: 'round-robin', members }], keepRepliesHours: 24 }

const app = await startApp(t)
const { client } = app
const log = logOf(t, app)
await log.connect()
for (const userId of Object.keys(weights))
  await client.send('PUT', `/v1/directory/users/${userId}`, { name: userId })
await client.send('PUT', `/v1/email-accounts/${accountId}/assignment-rules`, rules)

/** They come in another order than that in which they are stored, as the mail of one sync does. */
const arrivalOf = (n: number): string => new Date(Date.UTC(2026, 0, 5, 0, (n * 7919) % 100_003)).toISOString()
const conversationOf = (n: number): string => idOf('thr', n)
await inParallel(
  Array.from({ length: mails }, (_, n) => n),
  16,
  (n) =>
    log.append(
      conversationStream(conversationOf(n)),
      ConversationOpened({
        conversationId: conversationOf(n),
        accountId,
        messageId: messageIdOf(n),
        receivedAt: arrivalOf(n),
        from: `sender${n}@client.test`,
      }),
    ),
)

const everything = async (): Promise<RecordedEvent[]> =>
  (await pagesFrom(log.store, null, 1_000)).flatMap(({ events }) => [...events])
const isOf = (type: string) => (event: RecordedEvent) => event.type === type
const events = await until(
  'Every mail to be assigned',
  everything,
  (all) => {
    return all.filter(isOf('ConversationAssigned')).length >= mails
  },
  540_000,
)
const decisions = (await log.store.readStream(assignmentStream(accountId))) as RecordedEvent<PickEvent>[]
const picks = decisions.flatMap((event) => (event.type === 'ConversationPicked' ? [event] : []))

t.test('each is assigned once, to whom the rules picked', async (t) => {
  const assigned = events.filter(isOf('ConversationAssigned')) as RecordedEvent<
    Extract<ConversationEvent, { type: 'ConversationAssigned' }>
  >[]
  const pairs = (list: readonly { readonly data: { conversationId: string; userId: string } }[]) =>
    list.map(({ data }) => `${data.conversationId} ${data.userId}`).toSorted()
  t.equal(assigned.length, mails)
  t.strictSame(pairs(assigned), pairs(picks))
  t.equal(new Set(picks.map(({ data }) => data.conversationId)).size, mails)
})

t.test('shares differ by at most 1 per unit of capacity, after every mail', async (t) => {
  const taken = new Map<string, number>(members.map(({ userId }) => [userId, 0]))
  let widest = 0
  for (const { data } of picks) {
    taken.set(data.userId, taken.get(data.userId)! + 1)
    const shares = members.map(({ userId, weight }) => taken.get(userId)! / weight)
    widest = Math.max(widest, Math.max(...shares) - Math.min(...shares))
  }
  t.comment(
    `${mails} mails over 7 people: ${JSON.stringify(Object.fromEntries(taken))}, spread ${widest.toFixed(3)}`,
  )
  t.ok(widest <= 1, `spread ${widest}`)
})

/** What a decision was based on, worked out anew from the log as it was then. */
const commandAt = async (factsAt: string, at: string): Promise<AssignmentCommand> => {
  const then = events.filter(({ position }) => position <= factsAt)
  const { account, conversation, user, availability, seen } = await foldEvents(assignmentFacts, then)
  if (seen[0]?.position !== factsAt) throw new Error(`Nothing happened at ${factsAt}`)
  const of = account.find(({ id }) => id === accountId)!
  const backlog = conversation
    .filter((row) => row.status === 'open' && row.user_id === null && row.pick === null)
    .toSorted((a, b) => (a.waiting_since + a.id < b.waiting_since + b.id ? -1 : 1))
  return {
    do: 'assign',
    accountId,
    rules: of.rules,
    rulesRevision: of.rules_revision,
    conversations: backlog.map(({ id }) => ({
      conversationId: id,
      territory: null,
      product: null,
      belongsTo: null,
      left: null,
    })),
    users: user.map(({ id }) => ({
      userId: id,
      isKnown: true,
      level: 'full' as const,
      availability: availability.find(({ user_id }) => user_id === id)?.availability ?? alwaysAvailable,
      open: conversation.filter((row) => row.user_id === id || row.pick?.userId === id).length,
    })),
    at,
    factsAt,
  }
}

t.test('the log alone gives the same decisions again', async (t) => {
  let state: Assignment = assignment.initial
  for (const batch of Map.groupBy(decisions, ({ data }) => data.factsAt).values()) {
    const { factsAt, decidedAt } = batch[0]!.data
    const again = assignment.decide(await commandAt(factsAt, decidedAt), state)
    t.strictSame(
      again.slice(0, batch.length),
      batch.map(({ type, data }) => ({ type, data })),
    )
    state = batch.reduce(assignment.evolve, state)
  }
})

t.test('and the read models are what a replay of the log gives', async (t) => {
  const verified = await verifyReadModels({ store: log.store, pool: app.pool }, projections)
  t.strictSame(
    verified.flatMap(({ projection, stopped, parked, tables }) =>
      stopped === null && parked === null && tables.every(({ equal }) => equal) ? [] : [projection.name],
    ),
    [],
  )
})
