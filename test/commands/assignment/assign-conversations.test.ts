import t from 'tap'
import { assignConversations } from '../../../src/commands/assignment/assign-conversations.ts'
import type { AssignmentDeps } from '../../../src/commands/assignment/ports.ts'
import { handler, loader, systemCaller } from '../../../src/commands/handle.ts'
import { assignment, assignmentStream } from '../../../src/domain/assignment/assignment.ts'
import { alwaysAvailable } from '../../../src/domain/assignment/availability.ts'
import type { PickEvent } from '../../../src/domain/assignment/events.ts'
import { conversation, conversationStream } from '../../../src/domain/conversations/conversation.ts'
import type { RecordedEvent } from '../../../src/domain/event.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'
import { memoryEventStore } from '../../support/memory-event-store.ts'

const CONVERSATIONS = 210
const USERS = ['ann', 'bea', 'cem']
const clock = () => new Date('2026-03-02T10:00:00.000Z')
const never = new AbortController().signal

const openConversations = async () => {
  const store = memoryEventStore()
  const handle = handler(store, clock)
  const ids = Array.from({ length: CONVERSATIONS }, (_, n) => idOf('thr', n))
  for (const [n, conversationId] of ids.entries()) {
    const receivedAt = new Date(Date.UTC(2026, 2, 1, 0, n)).toISOString()
    const message = { messageId: messageIdOf(n), receivedAt, from: null }
    const command = { do: 'receive', conversationId, accountId, message } as const
    const caller = systemCaller('test', clock, conversationId)
    await handle(conversation, conversationStream(conversationId), command, caller)
  }
  return { store, handle, ids }
}

/** What a process sees, which reads the log itself at the moment that it asks. */
const processOn = (
  { store, handle, ids }: Awaited<ReturnType<typeof openConversations>>,
  assign: AssignmentDeps['assign'],
) => {
  const load = loader(store)
  const decisions = async () =>
    (await store.readStream(assignmentStream(accountId))) as RecordedEvent<PickEvent>[]
  return assignConversations({
    handle,
    clock,
    accountsToAssign: async () => [accountId],
    caughtUp: async () => true,
    assign,
    workToAssign: async (_account, _at, limit) => {
      const { state, revision } = await load(assignment, assignmentStream(accountId))
      const picked = (await decisions()).flatMap((event) =>
        event.type === 'ConversationPicked' ? [event.data] : [],
      )
      const pending: (typeof picked)[number][] = []
      for (const pick of picked) {
        const known = await load(conversation, conversationStream(pick.conversationId))
        if (known.state.status !== 'none' && known.state.assigneeId === null) pending.push(pick)
      }
      const taken = new Set(picked.map(({ conversationId }) => conversationId))
      const backlog = ids.filter((id) => !taken.has(id)).slice(0, limit)
      const members = USERS.map((userId) => ({ userId, weight: 1, mostOpen: null }))
      return {
        rules: { rules: [{ kind: 'round-robin', members }], keepRepliesHours: 24 },
        rulesRevision: 0,
        state,
        revision,
        pending,
        conversations: backlog.map((conversationId) => ({
          conversationId,
          territory: null,
          product: null,
          belongsTo: null,
          left: null,
        })),
        users: USERS.map((userId) => ({
          userId,
          isKnown: true,
          level: 'full' as const,
          availability: alwaysAvailable,
          open: 0,
        })),
        factsAt: String(revision),
      }
    },
  })
}

const assignerOf =
  ({ handle }: Awaited<ReturnType<typeof openConversations>>): AssignmentDeps['assign'] =>
  (caller, conversationId, { userId, rule, detail }) =>
    handle(
      conversation,
      conversationStream(conversationId),
      { do: 'assign', conversationId, accountId, userId, by: 'rules', reason: { rule, detail } },
      caller,
    )

const outcomeOf = async ({ store, ids }: Awaited<ReturnType<typeof openConversations>>) => {
  const picks = (await store.readStream(assignmentStream(accountId))) as RecordedEvent<PickEvent>[]
  const assigned = await Promise.all(
    ids.map(async (id) =>
      (await store.readStream(conversationStream(id))).filter(({ type }) => type === 'ConversationAssigned'),
    ),
  )
  return { picks, assigned }
}

t.test('two processes never assign twice, and take turns as one', async (t) => {
  const world = await openConversations()
  const processes = [processOn(world, assignerOf(world)), processOn(world, assignerOf(world))]
  for (let round = 0; round < 10; round++) await Promise.all(processes.map((run) => run(never)))
  const { picks, assigned } = await outcomeOf(world)
  t.equal(picks.length, CONVERSATIONS)
  t.ok(assigned.every((events) => events.length === 1))
  const takers = picks.map(({ data }) => ('userId' in data ? data.userId : null))
  t.strictSame(
    takers,
    takers.map((_, n) => USERS[n % 3]),
  )
  t.strictSame(
    picks.map(({ data }) => data.conversationId),
    world.ids,
    'oldest first',
  )
})

t.test('a process that dies between decision and assignment leaves nothing undone', async (t) => {
  const world = await openConversations()
  const assign = assignerOf(world)
  let calls = 0
  const dying = processOn(world, async (...asked) => {
    if (++calls > 20) throw new Error('killed')
    return assign(...asked)
  })
  await t.rejects(dying(never), /killed/)
  const run = processOn(world, assign)
  for (let round = 0; round < 5; round++) await run(never)
  const { picks, assigned } = await outcomeOf(world)
  t.equal(picks.length, CONVERSATIONS)
  t.ok(assigned.every((events) => events.length === 1))
  for (const { data } of picks) {
    const [event] = assigned[world.ids.indexOf(data.conversationId)]!
    t.match(event, { data: { userId: 'userId' in data ? data.userId : null } })
  }
})

t.test('what a person assigned meanwhile stays theirs', async (t) => {
  const world = await openConversations()
  const assign = assignerOf(world)
  const conversationId = world.ids[0]!
  const run = processOn(world, async (caller, id, pick) => {
    if (id === conversationId) {
      const command = {
        do: 'assign',
        conversationId,
        accountId,
        userId: 'zoe',
        by: 'person',
        reason: { rule: 'manual', detail: '' },
      } as const
      const person = systemCaller('test', clock, id)
      await world.handle(conversation, conversationStream(id), command, person)
    }
    return assign(caller, id, pick)
  })
  await run(never)
  const { assigned } = await outcomeOf(world)
  t.match(assigned[0], [{ data: { userId: 'zoe', by: 'person' } }])
})
