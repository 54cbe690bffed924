import t, { type Test } from 'tap'
import { backfillCommands } from '../../../src/commands/sync/backfill.ts'
import type { RecordedEvent } from '../../../src/domain/event.ts'
import { callerNow, mail, numbers, outcomeOf, syncRig, type Rig } from '../../support/mailbox-to-sync.ts'
import { accountId } from '../../support/example-sync-events.ts'

const never = new AbortController().signal
const DAY_MS = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS)
/** Messages that came so many days ago. */
const aged = (count: number, days: number, from = 1) =>
  numbers(count, from).map((n) => ({ ...mail(n), at: daysAgo(days) }))

type Set = { backfill?: string; folders: { listed: number; stored: number; known: number }[] }
/** The sets of changes of backfills. */
const older = async (rig: Rig): Promise<Set[]> =>
  (await rig.eventsOf('ChangesSynced'))
    .map(({ data }: RecordedEvent) => data as Set)
    .filter(({ backfill }) => backfill !== undefined)
const sumOf = (sets: readonly Set[], figure: 'listed' | 'stored' | 'known'): number =>
  sets.flatMap(({ folders }) => folders).reduce((sum, counts) => sum + counts[figure], 0)
const stored = async (rig: Rig): Promise<number> => (await rig.eventsOf('MessageSynced')).length
/** How many messages bear the mark of a backfill. */
const marked = async (rig: Rig): Promise<number> =>
  (await rig.eventsOf('MessageSynced')).filter(({ data }: RecordedEvent) => (data as Set).backfill).length
/** As if the mailbox hinted at something new all the time: a backfill then does as little as it can in a run. */
const hinted = { hasHint: () => true }

/** A busy machine may not come to the end of a backfill in the time that one run gives it. */
const runToItsEnd = async (t: Test, rig: Rig): Promise<void> => {
  const finished = async () => (await rig.eventsOf('BackfillFinished')).length
  const before = await finished()
  while ((await finished()) === before) t.equal(outcomeOf(await rig.run()), 'success')
}

const rigWithOlderMail = async (count: number) => {
  const rig = await syncRig(t, {
    inbox: [...aged(count, 400), ...aged(5, 1, count + 1)],
    settings: { historyDays: 30 },
  })
  await rig.run()
  return { rig, commands: backfillCommands(rig.deps) }
}

t.test('older mail is fetched back to a date, counted apart, and read no second time', async (t) => {
  const { rig, commands } = await rigWithOlderMail(250)
  t.equal(await stored(rig), 5)
  const ancient = { ...mail('ancient'), at: daysAgo(900) }
  rig.mailbox.append('INBOX', ancient)
  await commands.requestBackfill(callerNow(), accountId, daysAgo(500))
  await runToItsEnd(t, rig)
  t.equal(await stored(rig), 256, 'what is put into the mailbox now is read whatever its age')
  t.equal(sumOf(await older(rig), 'stored'), 250)
  t.equal(await marked(rig), 250, 'of which each says so, since it is no news')
  t.match(await rig.eventsOf('BackfillFinished'), [{ data: { accountId } }])

  await rig.run()
  await rig.run()
  const before = (await rig.events()).length
  await rig.run()
  t.equal((await rig.events()).length, before + 2, 'an idle run is idle again')
  t.equal(sumOf(await older(rig), 'listed'), 255)
  rig.mailbox.append('INBOX', mail('new'))
  await rig.run()
  t.equal(await stored(rig), 257)
})

t.test('new mail is read before older mail, in each run, and pausing stops nothing else', async (t) => {
  const { rig, commands } = await rigWithOlderMail(500)
  await commands.requestBackfill(callerNow(), accountId, daysAgo(500))
  rig.mailbox.append('INBOX', mail('new'))
  await rig.run(never, 'hint', hinted)
  t.equal(sumOf(await older(rig), 'listed'), 200, 'as far as one set')
  const first = (await rig.eventsOf('ChangesSynced')).find(
    ({ data }) => (data as { number: number }).number === 2,
  )
  t.match(first, { data: { backfill: undefined, folders: [{ folder: 'INBOX', stored: 1 }] } })

  await commands.pauseBackfill(callerNow(), accountId)
  rig.mailbox.append('INBOX', mail('newer'))
  const before = await stored(rig)
  await rig.run(never, 'hint', hinted)
  t.equal(await stored(rig), before + 1)
  t.equal(sumOf(await older(rig), 'listed'), 200)

  await commands.resumeBackfill(callerNow(), accountId)
  await runToItsEnd(t, rig)
  t.equal(sumOf(await older(rig), 'stored'), 500)
  t.equal(
    sumOf(await older(rig), 'listed'),
    507,
    'it went on where it had stopped, and what was known is listed once',
  )
  t.equal((await rig.eventsOf('BackfillFinished')).length, 1)
  t.match(
    (await rig.eventsOf('BackfillRequested', 'BackfillPaused', 'BackfillResumed')).map(({ type }) => type),
    ['BackfillRequested', 'BackfillPaused', 'BackfillResumed'],
  )
  await t.rejects(commands.pauseBackfill(callerNow(), accountId), { code: 'backfill-over' })
})

t.test('a worker that dies in a backfill leaves the rest to the next one', async (t) => {
  const { rig, commands } = await rigWithOlderMail(500)
  await commands.requestBackfill(callerNow(), accountId, daysAgo(500))
  const dying = new AbortController()
  let sets = 0
  const hasHint = () => {
    if (++sets === 1) dying.abort()
    return false
  }
  t.equal(outcomeOf(await rig.run(dying.signal, 'schedule', { hasHint })), 'interrupted')
  t.equal((await rig.eventsOf('BackfillFinished')).length, 0)
  await runToItsEnd(t, rig)
  t.equal(await stored(rig), 505, 'none is missing and none there twice')
  t.equal(sumOf(await older(rig), 'stored'), 500)
  t.equal((await rig.eventsOf('BackfillFinished')).length, 1)
})

t.test('another request replaces the one under way, and a date to come is refused', async (t) => {
  const { rig, commands } = await rigWithOlderMail(3)
  await t.rejects(commands.requestBackfill(callerNow(), accountId, daysAgo(-1)), {
    code: 'backfill-in-future',
  })
  await t.rejects(commands.resumeBackfill(callerNow(), accountId), { name: 'NotFound' })
  await commands.requestBackfill(callerNow(), accountId, daysAgo(450))
  await commands.requestBackfill(callerNow(), accountId, daysAgo(100))
  await rig.run()
  t.equal(await stored(rig), 5)
  await commands.requestBackfill(callerNow(), accountId, daysAgo(450))
  await rig.run()
  t.equal(await stored(rig), 8)
  t.equal((await rig.eventsOf('BackfillFinished')).length, 2)
})
