import fc from 'fast-check'
import t from 'tap'
import { portFlags } from '../../../src/adapters/imap-smtp/flags.ts'
import {
  readCursor,
  refOf,
  uidIn,
  writeCursor,
  type FolderCursor,
} from '../../../src/adapters/imap-smtp/places.ts'
import {
  afterUnrecorded,
  compareFlags,
  historyStretches,
  newMailStretches,
  planFolder,
  scanOf,
  STRETCH,
  type FolderView,
  type Flagged,
} from '../../../src/adapters/imap-smtp/plan.ts'

// A folder on a server that people and other programs change as they like, read by runs that may stop after any
// stretch. Days count from 100; the historical window begins on day 100 - `window`.

type Known = Flagged & { uidValidity: string; messageId: string }
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
  known: Known[]
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
    uidValidity: String(world.uidValidity),
    uidNext: world.uidNext,
    messages: world.mail.length,
    modseq: null,
    resync: null,
  }
  const options = { since: dayOf(100 - world.window), now, thorough: false }
  const planned = planFolder(world.cursor, 'inbox', view, options)
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
  if (!plan.isFresh && scanOf(plan, newly, options) === 'full') compare(world, view.uidValidity)
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
  world.known = [...others, { uidValidity, uid, messageId, flags: [...mail.flags] }]
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
      if (chosen) chosen.flags = chosen.flags.length > 0 ? [] : ['seen']
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

t.test('a deletion is noticed by the number of messages, without a look at each', async (t) => {
  const view: FolderView = { uidValidity: '1', uidNext: 9, messages: 3, modseq: '7', resync: null }
  const options = { since: null, now: '2026-01-01T00:00:00.000Z', thorough: false }
  const plan = planFolder(undefined, 'inbox', view, options)
  const cursor = { ...plan.cursor, messages: 3, scannedAt: options.now }
  t.equal(scanOf({ ...plan, cursor }, 0, options), 'recent')
  t.equal(scanOf({ ...plan, cursor }, 0, { ...options, thorough: true }), 'full')
  t.equal(scanOf({ ...plan, cursor }, 0, { ...options, now: '2026-01-01T00:30:00.000Z' }), 'full')
  t.equal(scanOf({ ...plan, cursor, view: { ...view, messages: 5 } }, 2, options), 'recent')
  t.equal(scanOf({ ...plan, cursor, view: { ...view, messages: 4 } }, 2, options), 'full')
})

t.test('where the server numbers its changes, only what it does not explain is compared', async (t) => {
  const view: FolderView = { uidValidity: '1', uidNext: 90, messages: 30, modseq: '8', resync: null }
  const options = { since: null, now: '2026-01-01T12:00:00.000Z', thorough: false }
  const plan = planFolder(undefined, 'inbox', view, options)
  const cursor = { ...plan.cursor, messages: 30, modseq: '7', scannedAt: '2026-01-01T00:00:00.000Z' }
  const scan = (more: Partial<FolderView>, newlyListed = 0) =>
    scanOf({ ...plan, cursor, view: { ...view, ...more } }, newlyListed, options)
  const resync = { vanished: [4, 5, 95], flags: [] }
  t.equal(scan({}), 'none')
  t.equal(scan({ messages: 29 }), 'full', 'one is missing, and nobody says which')
  t.equal(scan({ messages: 29, resync }), 'none')
  t.equal(scan({ messages: 28, resync }), 'none')
  t.equal(scan({ messages: 27, resync }), 'full', 'what came and went since does not count')
  t.equal(scan({ messages: 31, resync }), 'full', 'more than there can be')
  t.equal(scan({ messages: 31, resync }, 2), 'none')
  const scattered = Array.from({ length: 60 }, (_, index) => index * 2 + 1).filter((uid) => uid < 90)
  t.equal(scan({ resync: { vanished: scattered, flags: [] } }), 'none', '45 ranges are looked up')
  const late = { ...options, now: '2026-01-02T00:00:00.000Z' }
  t.equal(scanOf({ ...plan, cursor }, 0, late), 'full', 'once a day in any case')
})

t.test('of flags, order and repeats say nothing, nor does what belongs to a session', async (t) => {
  const known = [{ uid: 1, flags: ['b', 'a'] }]
  t.strictSame(compareFlags(known, [{ uid: 1, flags: ['a', 'b'] }]), { changed: [], missing: [] })
  t.match(compareFlags(known, [{ uid: 1, flags: ['a'] }]), { changed: [{ flags: ['a'] }] })
  t.match(compareFlags(known, []), { missing: [{ uid: 1 }] })
  t.strictSame(portFlags(['\\Seen', 'Later', '\\Recent', '\\seen', '\\FLAGGED', '\\Odd']), [
    'Later',
    '\\Odd',
    'flagged',
    'seen',
  ])
})

t.test('a cursor is read back as it was written; any other text is none', async (t) => {
  const view: FolderView = { uidValidity: '4294967295', uidNext: 9, messages: 3, modseq: '7', resync: null }
  const { cursor } = planFolder(undefined, 'inbox', view, {
    since: '2026-01-01T00:00:00.000Z',
    now: '2026-01-01T00:00:00.000Z',
    thorough: false,
  })
  t.strictSame(readCursor(writeCursor('INBOX', cursor).at), cursor)
  for (const text of ['', 'a', '{}', 'null', JSON.stringify({ ...cursor, uidNext: 'x' })])
    t.equal(readCursor(text), undefined)
})

t.test(
  'references have the order of UIDVALIDITY and UID, and name nothing under another UIDVALIDITY',
  async (t) => {
    const number = fc.integer({ min: 1, max: 4_294_967_295 })
    fc.assert(
      fc.property(number, number, number, number, (v, a, w, b) => {
        const [one, other] = [refOf(String(v), a), refOf(String(w), b)]
        const isBelow = v < w || (v === w && a < b)
        return (
          one < other === isBelow &&
          uidIn(one, String(v)) === a &&
          (v === w || uidIn(one, String(w)) === null)
        )
      }),
    )
    t.equal(uidIn('anything', '1'), null)
  },
)
