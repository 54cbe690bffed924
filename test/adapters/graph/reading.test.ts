import t, { type Test } from 'tap'
import type { ChangesQuery, ChangeSet } from '../../../src/commands/ports/mail-provider.ts'
import { going, mimeOf } from '../../contracts/mail-provider-harness.ts'
import { product, sorted, type Product } from '../../contracts/mail-provider-product.ts'
import { accessOf, fromBehind, outlookOnDouble } from '../../support/mail-provider/outlook.ts'

const [address, token] = ['ann@outlook.test', 'secret-of-ann']

const setUp = async (t: Test) => {
  const { graph, provider } = await outlookOnDouble(t)
  const mailbox = graph.addMailbox(address, token)
  const run = async (reader: Product, more: Partial<ChangesQuery> = {}): Promise<ChangeSet[]> => {
    const session = await provider.open(accessOf(address, token), {}, going())
    try {
      return await reader.run(session, more)
    } finally {
      await session.close()
    }
  }
  return { graph, mailbox, run, behind: fromBehind(mailbox) }
}

const kindsIn = (sets: readonly ChangeSet[]): string[] =>
  sets.flatMap((set) => (set.kind === 'changes' ? set.changes.map(({ kind }) => kind) : []))

t.test(
  'where the link of one folder is lost, that one is listed anew and nothing old is told as new',
  async (t) => {
    const { graph, mailbox, run, behind } = await setUp(t)
    for (const n of [1, 2, 3]) await behind.deliver('Inbox', mimeOf(`${n}@x`))
    await behind.deliver('Archive', mimeOf('kept@x'))
    const reader = product()
    await run(reader)
    await behind.deliver('Inbox', mimeOf('4@x'))
    await behind.flag('1@x', 'Inbox', ['seen'])
    await behind.remove('2@x', 'Inbox')
    graph.forget(mailbox, mailbox.folder('inbox')!.id)
    const before = graph.requests.length
    const sets = await run(reader)
    t.same(kindsIn(sets).toSorted(), ['added', 'flagged', 'gone'])
    t.same(sorted(reader.contents()), sorted(await behind.contents()))
    const archive = mailbox.folder('archive')!.id
    const listing = graph.requests
      .slice(before)
      .filter(({ path, query }) => path.includes(archive) && query.has('$select'))
    t.same(listing, [], 'the others go on')
    t.same(kindsIn(await run(reader)), [])
  },
)

t.test('what a filtered delta leaves out is listed besides, each message once', async (t) => {
  const { graph, run, behind } = await setUp(t)
  graph.faults.filteredLimit = 5000
  const second = (n: number) => new Date(Date.UTC(2026, 2, 1) + Math.floor(n / 300) * 1000)
  for (let n = 0; n < 5600; n += 1) await behind.deliver('Inbox', mimeOf(`${n}@x`), { at: second(n) })
  const told = new Set<string>()
  let twice = 0
  const query = { since: new Date(Date.UTC(2026, 0, 1)), folders: ['inbox'] }
  // Only what is told matters here, not the bytes.
  const session = { raw: async function* () {} }
  const reader = product()
  const all = await run({ ...reader, run: (of, more) => reader.run({ ...of, ...session }, more) }, query)
  for (const set of all)
    for (const change of set.kind === 'changes' ? set.changes : [])
      if (change.kind === 'added') {
        if (told.has(change.placement.ref)) twice += 1
        told.add(change.placement.ref)
      }
  t.equal(told.size, 5600)
  t.ok(twice <= 1200, `${twice} of the same seconds were told twice`)
})

t.test('a folder with another name is followed without fetching it again', async (t) => {
  const { mailbox, run, behind } = await setUp(t)
  const within = mailbox.addFolder('Projects/2026', mailbox.folder('inbox')!.id)
  mailbox.add(within, mimeOf('1@x'))
  mailbox.add(within, mimeOf('2@x'))
  const reader = product()
  const query = { folders: ['all'] }
  await run(reader, query)
  t.same(new Set(reader.contents().map(({ folder }) => folder)), new Set([String.raw`Inbox/Projects\/2026`]))
  mailbox.renameFolder(within, 'Later')
  mailbox.add(within, mimeOf('3@x'))
  t.same(kindsIn(await run(reader, query)).toSorted(), ['added', 'moved', 'moved'])
  t.same(new Set(reader.contents().map(({ folder }) => folder)), new Set(['Inbox/Later']))
  t.equal(reader.handedOut(), 3)
  t.same(kindsIn(await run(reader, query)), [])
  mailbox.renameFolder(within, 'Unwanted')
  t.same(
    kindsIn(await run(reader, { folders: ['inbox', 'Inbox/Later'] })),
    [],
    'what is not asked for is not gone',
  )
  t.equal((await behind.contents()).length, 3)
})

t.test('a day later all is compared, also what no delta told', async (t) => {
  const { mailbox, run, behind } = await setUp(t)
  for (const n of [1, 2]) await behind.deliver('Inbox', mimeOf(`${n}@x`))
  const reader = product()
  await run(reader)
  const silent = mailbox.since.bind(mailbox)
  Object.assign(mailbox, { since: () => [] })
  await behind.remove('1@x', 'Inbox')
  t.same(kindsIn(await run(reader)), [])
  Object.assign(mailbox, { since: silent })
  t.same(kindsIn(await run(reader, { now: new Date(Date.UTC(2026, 0, 3)) })), ['gone'])
  t.same(sorted(reader.contents()), sorted(await behind.contents()))
})
