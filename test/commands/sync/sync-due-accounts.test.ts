import t from 'tap'
import type { SyncRunResult } from '../../../src/commands/sync/run-sync.ts'
import { hintsOfMailboxes } from '../../../src/commands/sync/hints.ts'
import { syncDueAccounts } from '../../../src/commands/sync/sync-due-accounts.ts'

type Due = { accountId: string; trigger: 'schedule'; lastRun: number }

/** A to-do list that tests write, and runs that end when they are told how. */
const work = () => {
  const list: Due[] = []
  const hints = hintsOfMailboxes()
  const started: { accountId: string; trigger: string; end: (result: SyncRunResult) => void }[] = []
  const lane = syncDueAccounts({
    clock: () => new Date(),
    dueAccounts: async () => [...list],
    hints,
    run: (_caller, { accountId, trigger }) => new Promise((end) => started.push({ accountId, trigger, end })),
  })
  const due = (accountId: string, lastRun: number) => list.push({ accountId, trigger: 'schedule', lastRun })
  return { hints, list, started, due, run: () => lane(new AbortController().signal) }
}
const turn = () => new Promise(setImmediate)

t.test('a long run of one account keeps no other from being synced', async (t) => {
  const { started, due, run } = work()
  due('a', 0)
  due('b', 0)
  const first = run()
  await turn()
  const second = run()
  await turn()
  t.strictSame(
    started.map(({ accountId }) => accountId),
    ['a', 'b'],
  )
  t.equal(await run(), false, 'what is in hand is nobody else’s')
  started[1]!.end({ kind: 'done', number: 1, outcome: 'success' })
  t.equal(await second, true)
  started[0]!.end({ kind: 'done', number: 1, outcome: 'success' })
  t.equal(await first, true)
})

t.test('an account that is still listed as due after its run is not synced again for that', async (t) => {
  const { list, started, due, run } = work()
  due('a', 0)
  const first = run()
  await turn()
  started[0]!.end({ kind: 'done', number: 1, outcome: 'success' })
  await first
  t.equal(await run(), false)
  list[0]!.lastRun = 1
  const second = run()
  await turn()
  t.equal(started.length, 2, 'but when the list has seen its end, and lists it again')
  started[1]!.end({ kind: 'done', number: 2, outcome: 'success' })
  await second
})

t.test('an account that another process is at is passed over for the next one', async (t) => {
  const { started, due, run } = work()
  due('a', 0)
  due('b', 0)
  const first = run()
  await turn()
  started[0]!.end({ kind: 'busy' })
  t.equal(await first, true)
  const second = run()
  await turn()
  t.equal(started[1]?.accountId, 'b')
  started[1]?.end({ kind: 'inactive' })
  await second
  t.equal(await run(), false, 'and neither is tried again at once')
})

t.test(
  'an account that hints is synced at once, before those that are due, and once for many hints',
  async (t) => {
    const { hints, started, due, run } = work()
    let rung = 0
    const stop = hints.onHint(() => rung++)
    due('a', 0)
    for (let hint = 0; hint < 3; hint++) hints.add('b')
    t.equal(rung, 3)
    const first = run()
    await turn()
    t.match(started, [{ accountId: 'b', trigger: 'hint' }])
    hints.add('b')
    const second = run()
    await turn()
    t.match(started[1], { accountId: 'a', trigger: 'schedule' }, 'while it is in hand it waits')
    for (const { end } of started) end({ kind: 'done', number: 1, outcome: 'success' })
    await Promise.all([first, second])
    t.equal(await run(), false, 'and a little while after, for what comes together')
    t.equal(
      hints.take(() => true),
      'b',
      'but it is not forgotten',
    )
    t.equal(
      hints.take(() => true),
      null,
    )
    stop()
    hints.add('b')
    t.equal(rung, 4)
  },
)

t.test('a hint at an account that another process is at is kept', async (t) => {
  const { hints, started, run } = work()
  hints.add('a')
  const first = run()
  await turn()
  started[0]!.end({ kind: 'busy' })
  await first
  t.equal(
    hints.take(() => true),
    'a',
  )
})
