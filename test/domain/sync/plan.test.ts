import fc from 'fast-check'
import t from 'tap'
import type { FolderCursor } from '../../../src/domain/sync/events.ts'
import {
  afterAttempt,
  afterUnrecorded,
  compareFlags,
  historyStretches,
  newMailStretches,
  planFolder,
  scanOf,
  STRETCH,
  type FolderView,
  type KnownPlacement,
} from '../../../src/domain/sync/plan.ts'

// A folder on a server that people and other programs change as they like, read by runs that may stop after any
// stretch. Days count from 100; the historical window begins on day 100 - `window`.

type Mail = { uid: number; id: number; day: number; flags: string[] }
type Step =
  | { do: 'arrive'; day: number; count: number }
  | { do: 'delete'; which: number }
  | { do: 'flag'; which: number }
  | { do: 'renumber' }
  | { do: 'widen' }
  | { do: 'run'; crashAfter: number | null }
type World = {
  mail: Mail[]
  uidValidity: number
  uidNext: number
  ids: number
  minute: number
  window: number
  cursor: FolderCursor | undefined
  known: KnownPlacement[]
  announced: number[]
  fetched: number
}

const dayOf = (day: number): string => new Date(Date.UTC(2026, 0, 1) + day * 86_400_000).toISOString()
const emptyWorld = (): World => ({
  mail: [],
  uidValidity: 1,
  uidNext: 1,
  ids: 0,
  minute: 0,
  window: 10,
  cursor: undefined,
  known: [],
  announced: [],
  fetched: 0,
})

const arrive = (world: World, day: number, count: number): void => {
  for (let nth = 0; nth < count; nth++)
    world.mail.push({ uid: world.uidNext++, id: world.ids++, day, flags: [] })
}

const renumber = (world: World): void => {
  world.uidValidity++
  world.mail.forEach((mail, index) => (mail.uid = index + 1))
  world.uidNext = world.mail.length + 1
}

/** Reads the folder as a run does, over a store that knows a message again by its id. */
const run = (world: World, crashAfter: number | null): void => {
  const now = new Date(Date.UTC(2026, 5, 1) + world.minute++ * 60_000).toISOString()
  const view: FolderView = {
    folder: 'INBOX',
    role: 'inbox',
    uidValidity: String(world.uidValidity),
    uidNext: world.uidNext,
    messages: world.mail.length,
  }
  const windowStart = dayOf(100 - world.window)
  const planned = planFolder(world.cursor, view, { windowStart, now, requested: false })
  const uids = world.known.filter((known) => known.uidValidity === view.uidValidity).map(({ uid }) => uid)
  const plan = afterUnrecorded(planned, uids.length > 0 ? Math.max(...uids) : null)
  let cursor = plan.cursor
  let steps = 0
  const read = ({ uids, cursor: next }: { uids: readonly number[]; cursor: FolderCursor }): boolean => {
    if (uids.length > STRETCH) throw new Error('A stretch is too long')
    for (const uid of uids) store(world, view.uidValidity, uid)
    if (crashAfter !== null && steps++ >= crashAfter) return false
    world.cursor = cursor = next
    return true
  }
  // As servers answer `UID SEARCH UID n:*`: never with nothing while there is a message.
  const from = plan.newFrom ?? 1
  const listed = world.mail.filter(({ uid }) => uid >= from).map(({ uid }) => uid)
  const last = world.mail.at(-1)
  if (listed.length === 0 && last) listed.push(last.uid)
  const fresh = newMailStretches(plan, listed)
  for (const stretch of fresh) if (!read(stretch)) return
  const inWindow = world.mail.filter(
    ({ day }) => plan.history === null || plan.history.since === null || dayOf(day) >= plan.history.since,
  )
  for (const stretch of historyStretches(
    plan,
    cursor,
    inWindow.map(({ uid }) => uid),
  ))
    if (!read(stretch)) return
  const newly = fresh.reduce((sum, { uids }) => sum + uids.length, 0)
  if (!plan.isFresh && scanOf(plan, newly, now) === 'full') compare(world, view.uidValidity)
  if (crashAfter !== null) return
  world.known = world.known.filter(({ uidValidity }) => uidValidity === view.uidValidity)
  if (!plan.isFresh) world.cursor = { ...(world.cursor ?? cursor), messages: view.messages, scannedAt: now }
}

const store = (world: World, uidValidity: string, uid: number): void => {
  const mail = world.mail.find((each) => each.uid === uid)!
  world.fetched++
  const messageId = String(mail.id)
  if (!world.announced.includes(mail.id)) world.announced.push(mail.id)
  const others = world.known.filter((known) => known.messageId !== messageId)
  world.known = [...others, { uidValidity, uid, messageId, flags: [...mail.flags], quarantined: false }]
}

const compare = (world: World, uidValidity: string): void => {
  const known = world.known.filter((each) => each.uidValidity === uidValidity)
  const { changed, missing } = compareFlags(known, world.mail)
  const flagsOf = new Map(changed.map(({ known: { messageId }, flags }) => [messageId, flags]))
  world.known = world.known
    .filter((each) => !missing.includes(each))
    .map((each) => ({ ...each, flags: flagsOf.get(each.messageId) ?? each.flags }))
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('arrive'),
      day: fc.integer({ min: 80, max: 100 }),
      count: fc.integer({ min: 1, max: 250 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete'), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('flag'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'renumber' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'widen' }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run'), crashAfter: fc.option(fc.nat({ max: 3 })) }) },
) as fc.Arbitrary<Step>

const take = (world: World, action: Step): void => {
  const chosen = 'which' in action ? world.mail[action.which % (world.mail.length || 1)] : undefined
  switch (action.do) {
    case 'arrive':
      return arrive(world, action.day, action.count)
    case 'delete':
      world.mail = world.mail.filter((mail) => mail !== chosen)
      return
    case 'flag':
      if (chosen) chosen.flags = chosen.flags.length > 0 ? [] : ['\\Seen']
      return
    case 'renumber':
      return renumber(world)
    case 'widen':
      world.window += 5
      return
    case 'run':
      return run(world, action.crashAfter)
  }
}

t.test(
  'whatever happens to a folder, and wherever runs stop, nothing is missed, kept too long or announced twice',
  async (t) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const world = emptyWorld()
        for (const action of steps) take(world, action)
        const before = new Set(world.announced)
        // The first time that a folder is read its flags are not compared; the run after does that.
        run(world, null)
        run(world, null)
        const present = new Set(world.mail.map(({ id }) => String(id)))
        const known = new Set(world.known.map(({ messageId }) => messageId))
        const windowStart = dayOf(100 - world.window)
        const missed = world.mail.filter(({ id, day }) => dayOf(day) >= windowStart && !known.has(String(id)))
        const stale = world.known.filter(({ messageId }) => !present.has(messageId))
        world.minute += 31
        run(world, null)
        const flags = world.known.filter(
          ({ messageId, flags: [flag] }) =>
            world.mail.find(({ id }) => String(id) === messageId)?.flags[0] !== flag,
        )
        const { announced } = world
        return (
          missed.length === 0 &&
          stale.length === 0 &&
          flags.length === 0 &&
          new Set(announced).size === announced.length &&
          [...before].every((id) => announced.includes(id))
        )
      }),
      { numRuns: 400 },
    )
    t.pass()
  },
)

t.test('a deletion is not hidden by as much new mail that a run took in and died over', async (t) => {
  const world = emptyWorld()
  arrive(world, 100, 5)
  run(world, null)
  run(world, null)
  arrive(world, 100, 1)
  run(world, 9)
  world.mail.shift()
  run(world, null)
  t.strictSame(
    world.known.map(({ uid }) => uid).toSorted((a, b) => a - b),
    [2, 3, 4, 5, 6],
  )
})

t.test('a deletion is not hidden where a run died before it could say what it had taken in', async (t) => {
  const world = emptyWorld()
  run(world, null)
  run(world, null)
  arrive(world, 100, 1)
  run(world, 0)
  t.equal(world.known.length, 1)
  world.mail.shift()
  run(world, null)
  t.strictSame(world.known, [])
})

t.test('an idle run fetches nothing, and one after new mail fetches that alone', async (t) => {
  const world = emptyWorld()
  arrive(world, 100, 450)
  run(world, null)
  t.equal(world.fetched, 450)
  run(world, null)
  t.equal(world.fetched, 450)
  arrive(world, 100, 3)
  run(world, null)
  t.equal(world.fetched, 453)
})

t.test('history is read newest first, in stretches, and goes on where a crash cut it off', async (t) => {
  const world = emptyWorld()
  arrive(world, 100, 500)
  run(world, 1)
  t.match(world.cursor, { uidNext: 501, backfilledTo: 301, backfillDone: false })
  t.equal(world.fetched, 400, 'the second stretch was stored and not recorded')
  arrive(world, 100, 2)
  run(world, null)
  t.match(world.cursor, { uidNext: 503, backfilledTo: 1, backfillDone: true })
  t.equal(world.announced.length, 502)
  t.equal(world.fetched, 400 + 2 + 300, 'the new two, and what was not recorded')
})

t.test(
  'the window keeps old mail out, and mail that is moved in later comes whatever its date',
  async (t) => {
    const world = emptyWorld()
    arrive(world, 80, 5)
    arrive(world, 99, 5)
    run(world, null)
    t.equal(world.announced.length, 5)
    arrive(world, 80, 1)
    run(world, null)
    t.equal(world.announced.length, 6)
    world.window = 30
    run(world, null)
    t.equal(world.announced.length, 11, 'a wider window brings the rest')
  },
)

t.test(
  'a message that the server fails to hand out is asked for three times, then on request and now and then',
  async (t) => {
    const view: FolderView = { folder: 'INBOX', role: 'inbox', uidValidity: '1', uidNext: 9, messages: 3 }
    const now = '2026-01-01T00:00:00.000Z'
    let retry = afterAttempt([], [4, 2], [])
    t.strictSame(retry, [
      { uid: 2, attempts: 1 },
      { uid: 4, attempts: 1 },
    ])
    retry = afterAttempt(retry, [4], [2])
    retry = afterAttempt(retry, [4], [])
    t.strictSame(retry, [{ uid: 4, attempts: 3 }])
    const options = { windowStart: null, now, requested: false }
    const cursor = { ...planFolder(undefined, view, options).cursor, retry, scannedAt: now }
    t.strictSame(planFolder(cursor, view, options).retry, [])
    t.strictSame(planFolder(cursor, view, { ...options, requested: true }).retry, [4])
    t.strictSame(planFolder(cursor, view, { ...options, now: '2026-01-01T00:30:00.000Z' }).retry, [4])
  },
)

t.test('a deletion is noticed by the number of messages, without a look at each', async (t) => {
  const view: FolderView = { folder: 'INBOX', role: 'inbox', uidValidity: '1', uidNext: 9, messages: 3 }
  const now = '2026-01-01T00:00:00.000Z'
  const plan = planFolder(undefined, view, { windowStart: null, now, requested: false })
  const cursor = { ...plan.cursor, messages: 3, scannedAt: now }
  t.equal(scanOf({ ...plan, cursor }, 0, now), 'recent')
  t.equal(scanOf({ ...plan, cursor, view: { ...view, messages: 5 } }, 2, now), 'recent')
  t.equal(scanOf({ ...plan, cursor, view: { ...view, messages: 4 } }, 2, now), 'full')
})

t.test('of flags, order, repeats and \\Recent say nothing', async (t) => {
  const known: KnownPlacement[] = [
    { uidValidity: '1', uid: 1, messageId: 'm', flags: ['b', 'a'], quarantined: false },
  ]
  t.strictSame(compareFlags(known, [{ uid: 1, flags: ['a', '\\Recent', 'b', 'a'] }]), {
    changed: [],
    missing: [],
  })
  t.match(compareFlags(known, [{ uid: 1, flags: ['a'] }]), { changed: [{ flags: ['a'] }] })
  t.match(compareFlags(known, []), { missing: [{ uid: 1 }] })
})
