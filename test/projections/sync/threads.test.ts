import fc from 'fast-check'
import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { MessageDeleted, MessageRestored } from '../../../src/domain/sync/presence-events.ts'
import {
  ThreadMergeUndone,
  ThreadsMerged,
  ThreadSplit,
  ThreadSplitUndone,
} from '../../../src/domain/sync/thread-events.ts'
import { threads } from '../../../src/projections/sync/threads.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId, connected, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'

const fold = (...events: DomainEvent[]) => foldEvents(threads, recordedEvents([connected(), ...events]))
type Rows = Awaited<ReturnType<typeof fold>>

const threadIdOf = (n: number): string => `thr_${messageIdOf(n).slice(4)}`
/** The nth message, from one person to another unless said otherwise; it answers the last of those. */
const mail = (n: number, answers: readonly number[] = [], changes: Parameters<typeof synced>[1] = {}) =>
  synced(n, {
    ...changes,
    header: {
      references: answers.map((each) => `${each}@x.test`),
      from: [{ address: 'ann@client.test' }],
      ...changes.header,
    },
  })
const merged = (change: number, one: number, other: number) =>
  ThreadsMerged({ accountId, change, threadId: threadIdOf(one), other: threadIdOf(other) })
const mergeUndone = (change: number, one: number, other: number) =>
  ThreadMergeUndone({ accountId, change, threadId: threadIdOf(one), other: threadIdOf(other) })
const NEW = idOf('thr', 900)
const split = (change: number, of: number, ...messages: number[]) =>
  ThreadSplit({
    accountId,
    change,
    threadId: threadIdOf(of),
    into: NEW,
    messageIds: messages.map(messageIdOf),
  })
const splitUndone = (change: number, of: number) =>
  ThreadSplitUndone({ accountId, change, threadId: threadIdOf(of), into: NEW })

/** The messages of each thread that is shown, as numbers; what a thread says of itself must be true of them. */
const groupsIn = (rows: Rows): number[][] =>
  rows.thread
    .filter(({ merged_into, messages }) => merged_into === null && messages > 0)
    .map((thread) => {
      const ids = [thread.id, ...thread.merged]
      const members = rows.member
        .filter(({ id, thread_id }) => ids.includes(thread_id) && !rows.absent.some((each) => each.id === id))
        .toSorted((a, b) => (a.at < b.at ? -1 : 1))
      const [first, last] = [members[0]!, members.at(-1)!]
      const said = JSON.stringify([
        thread.messages,
        thread.first_at,
        thread.subject,
        thread.last_at,
        thread.snippet,
      ])
      const real = JSON.stringify([
        members.length,
        first.at,
        first.shown.subject,
        last.at,
        last.shown.snippet,
      ])
      if (said !== real) throw new Error(`${thread.id} says ${said}, not ${real}`)
      return members.map(({ id }) => numberOf(id))
    })
    .toSorted((a, b) => a[0]! - b[0]!)
const numbers = new Map(Array.from({ length: 40 }, (_, n) => [messageIdOf(n), n]))
const numberOf = (id: string): number => numbers.get(id) ?? -1

t.test('threads are merged by hand, take what answers either, and come apart again', async (t) => {
  const events = [mail(1), mail(2), mail(3, [2]), merged(1, 1, 2), mail(4, [1]), mail(5, [3])]
  const together = await fold(...events)
  t.strictSame(groupsIn(together), [[1, 2, 3, 4, 5]])
  const shown = together.thread.find(({ merged_into }) => merged_into === null)
  t.strictSame([shown!.id, ...shown!.merged].toSorted(), [threadIdOf(1), threadIdOf(2)])
  t.strictSame(groupsIn(await fold(...events, mergeUndone(1, 1, 2))), [
    [1, 4],
    [2, 3, 5],
  ])
  t.strictSame(
    groupsIn(await fold(...events, mail(6, [4, 5]), mergeUndone(1, 1, 2))),
    [[1, 2, 3, 4, 5, 6]],
    'what a message has connected since stays together',
  )
})

t.test('of three merged threads one comes apart where its own merge is undone', async (t) => {
  const events = [mail(1), mail(2), mail(3), merged(1, 1, 2), merged(2, 2, 3)]
  t.strictSame(groupsIn(await fold(...events)), [[1, 2, 3]])
  t.strictSame(groupsIn(await fold(...events, mergeUndone(1, 1, 2))), [[1], [2, 3]])
  t.strictSame(groupsIn(await fold(...events, mergeUndone(2, 2, 3))), [[1, 2], [3]])
  t.strictSame(groupsIn(await fold(...events, mergeUndone(1, 1, 2), mergeUndone(2, 2, 3))), [[1], [2], [3]])
})

t.test('what answers a message that was split off comes to it, whatever else it names', async (t) => {
  const events = [mail(1), mail(2, [1]), mail(3, [1, 2]), split(1, 1, 3), mail(4, [1, 2, 3]), mail(5, [1, 2])]
  const rows = await fold(...events)
  t.strictSame(groupsIn(rows), [
    [1, 2, 5],
    [3, 4],
  ])
  t.strictSame(groupsIn(await fold(...events, splitUndone(1, 1))), [[1, 2, 3, 4, 5]])
})

t.test('what was split off merged threads goes back to its own', async (t) => {
  const events = [mail(1), mail(2, [1]), mail(3), merged(1, 1, 3), split(2, 1, 2, 3)]
  t.strictSame(groupsIn(await fold(...events)), [[1], [2, 3]])
  const undone = [...events, splitUndone(2, 1)]
  t.strictSame(groupsIn(await fold(...undone)), [[1, 2, 3]])
  t.strictSame(groupsIn(await fold(...undone, mergeUndone(1, 1, 3))), [[1, 2], [3]])
})

t.test('a split is undone where the thread that it came from was merged into it', async (t) => {
  const mergedInto = ThreadsMerged({ accountId, change: 2, threadId: NEW, other: threadIdOf(1) })
  const events = [mail(1), mail(2, [1]), mail(3, [1]), split(1, 1, 2, 3), mergedInto]
  t.strictSame(groupsIn(await fold(...events)), [[1, 2, 3]])
  t.strictSame(groupsIn(await fold(...events, splitUndone(1, 1), mail(4, [2]))), [[1, 2, 3, 4]])
})

t.test('strangers who answer one message do not read each other; whoever was brought in does', async (t) => {
  const from = (address: string, more = {}) => ({ header: { from: [{ address }], ...more } })
  const newsletter = mail(1, [], {
    direction: 'out',
    ...from('me@acme.test', { to: [{ address: 'me@acme.test' }] }),
  })
  const answers = [
    newsletter,
    mail(2, [1], from('ann@client.test')),
    mail(3, [1], from('ben@other.test')),
    mail(4, [1, 3], { direction: 'out', ...from('me@acme.test', { to: [{ address: 'ben@other.test' }] }) }),
    mail(5, [1, 3, 4], from('ben@other.test')),
    // Ann forwarded hers to Carl, who answers what he was sent.
    mail(6, [1, 2, 30], from('carl@client.test')),
    mail(7, [1, 2], from('dora@client.test', { cc: [{ address: 'ann@client.test' }] })),
  ]
  t.strictSame(groupsIn(await fold(...answers)), [
    [1, 2, 6, 7],
    [3, 4, 5],
  ])
})

t.test('a thread in which no person wrote is marked', async (t) => {
  const report = mail(2, [], { automatic: 'report' })
  const rows = await fold(mail(1), report)
  t.strictSame(
    rows.thread.map(({ automatic }) => automatic),
    [false, true],
  )
  const answered = await fold(report, mail(3, [2]))
  t.strictSame(
    answered.thread.map(({ automatic }) => automatic),
    [false],
  )
})

t.test('a deleted message is in no thread until it is restored', async (t) => {
  const of = {
    messageId: messageIdOf(3),
    accountId,
    direction: 'in' as const,
    receivedAt: '2026-01-05T03:00:00.000Z',
  }
  const deletedAt = '2026-02-01T00:00:00.000Z'
  const deleted = MessageDeleted({ ...of, deletedAt, provider: 'keep' })
  const events = [mail(1), mail(2), mail(3, [2]), deleted]
  t.strictSame(groupsIn(await fold(...events)), [[1], [2]])
  t.strictSame(groupsIn(await fold(...events, mail(4, [3]))), [[1], [2, 4]], 'its id still connects')
  t.strictSame(groupsIn(await fold(...events, MessageRestored({ ...of, deletedAt }))), [[1], [2, 3]])
})

t.test('a long thread is listed in parts, and splits anywhere', async (t) => {
  const count = 230
  const events = Array.from({ length: count }, (_, n) => mail(n, n === 0 ? [] : [n - 1]))
  const rows = await fold(...events, split(1, 0, 7, 120, 229))
  const size = (id: string) => rows.thread.find((each) => each.id === id)?.messages
  t.equal(size(threadIdOf(0)), count - 3)
  t.equal(size(NEW), 3)
  t.ok(rows.list.every(({ ids }) => ids.length <= 100))
  const back = await fold(...events, split(1, 0, 7, 120, 229), splitUndone(1, 0))
  t.strictSame(
    back.thread.filter(({ merged_into }) => merged_into === null).map(({ messages }) => messages),
    [count],
  )
})

// ---------------------------------------------------------------- undo

type Step =
  | { readonly do: 'mail'; readonly answers: number[] }
  | { readonly do: 'merge'; readonly one: number; readonly other: number }
  | { readonly do: 'split'; readonly of: number; readonly every: number }
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('mail' as const), answers: fc.array(fc.nat(9), { maxLength: 3 }) }),
    fc.record({ do: fc.constant('mail' as const), answers: fc.array(fc.nat(9), { maxLength: 3 }) }),
    fc.record({ do: fc.constant('merge' as const), one: fc.nat(9), other: fc.nat(9) }),
    fc.record({ do: fc.constant('split' as const), of: fc.nat(9), every: fc.integer({ min: 2, max: 3 }) }),
  ),
  { minLength: 3, maxLength: 14 },
)

/** The events of the steps, as commands would have recorded them, and those that undo them, in any order. */
const played = async (todo: readonly Step[]): Promise<{ done: DomainEvent[]; undo: DomainEvent[] }> => {
  const done: DomainEvent[] = []
  const undo: DomainEvent[] = []
  let count = 0
  let change = 0
  for (const step of todo) {
    if (step.do === 'mail') {
      const answers = step.answers.filter((n) => n < count)
      done.push(mail(count++, answers))
      continue
    }
    const rows = await fold(...done)
    const shown = rows.thread.filter((thread) => thread.merged_into === null)
    if (shown.length === 0) continue
    const pick = (n: number) => shown[n % shown.length]!
    if (step.do === 'merge') {
      const [threadId, other] = [pick(step.one).id, pick(step.other).id]
      if (threadId === other) continue
      change++
      done.push(ThreadsMerged({ accountId, change, threadId, other }))
      undo.push(ThreadMergeUndone({ accountId, change, threadId, other }))
    } else {
      const thread = pick(step.of)
      const ids = rows.member.filter(({ thread_id }) => [thread.id, ...thread.merged].includes(thread_id))
      const messageIds = ids.filter((_, index) => index % step.every === 1).map(({ id }) => id)
      if (messageIds.length === 0) continue
      change++
      const into = idOf('thr', 900 + change)
      done.push(ThreadSplit({ accountId, change, threadId: thread.id, into, messageIds }))
      undo.push(ThreadSplitUndone({ accountId, change, threadId: thread.id, into }))
    }
  }
  return { done, undo }
}

t.test('undoing all that people have changed, in whatever order, leaves what the mail says', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (todo, latestFirst) => {
      const { done, undo } = await played(todo)
      groupsIn(await fold(...done))
      const plain = await fold(...done.filter(({ type }) => type === 'MessageSynced'))
      const undone = await fold(...done, ...(latestFirst ? undo.toReversed() : undo))
      return JSON.stringify(groupsIn(undone)) === JSON.stringify(groupsIn(plain))
    }),
    { numRuns: 200 },
  )
  t.pass()
})
