import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import type { ChangeSet, MailChange } from '../../src/commands/ports/mail-provider.ts'
import {
  asking,
  gather,
  going,
  inSession,
  mimeOf,
  type Harness,
  type OpenHarness,
} from './mail-provider-harness.ts'
import { product, sorted, type Product } from './mail-provider-product.ts'

const changesOf = (sets: readonly ChangeSet[]): MailChange[] =>
  sets.flatMap((set) => (set.kind === 'changes' ? set.changes : []))
const kindsOf = (sets: readonly ChangeSet[]): string[] => changesOf(sets).map(({ kind }) => kind)

const runOf = (harness: Harness, reader: Product, ...more: [Parameters<Product['run']>[1]?, number?]) =>
  inSession(harness, (session) => reader.run(session, ...more))

const day = (n: number) => new Date(Date.UTC(2026, 2, n, 12))

/** Reading: what `folders`, `changes`, `raw` and `watch` promise while nothing goes wrong. */
export const readingContract = (t: Test, open: OpenHarness): void => {
  t.test('folders have their roles, and each role that matters is there once', async (t) => {
    const harness = await open(t)
    const folders = await inSession(harness, (session) => session.folders())
    const { own, ...withRole } = harness.folders
    for (const [role, folder] of Object.entries(withRole))
      t.same(
        folders.filter((each) => each.role === role).map((each) => each.folder),
        [folder],
      )
    t.match(
      folders.filter((each) => each.folder === own),
      [{ role: null }],
    )
  })

  t.test(
    'without a cursor all of the window comes, its very bytes, and nothing is changed by it',
    async (t) => {
      const harness = await open(t)
      const { mailbox, folders } = harness
      const odd = Buffer.concat([
        mimeOf('odd@x', 'ü'),
        Buffer.from([0, 255, 128, 13, 10, 10, 13, 46, 13, 10]),
      ])
      await mailbox.deliver(folders.inbox, mimeOf('old@x'), { at: day(1) })
      await mailbox.deliver(folders.inbox, odd, { at: day(10), flags: ['flagged'] })
      await mailbox.deliver(folders.sent, mimeOf('mine@x'), { at: day(11), flags: ['seen'] })
      await mailbox.deliver(folders.archive, mimeOf('kept@x'), { at: day(12) })
      const before = sorted(await mailbox.contents())
      const reader = product()
      const sets = await runOf(harness, reader, { since: day(5) })
      t.same(
        sorted(reader.contents()),
        before.filter(({ messageId }) => messageId !== 'old@x'),
      )
      t.ok(reader.bytes.get('odd@x')?.equals(await mailbox.raw('odd@x', folders.inbox)))
      t.same(sorted(await mailbox.contents()), before, 'nobody can see that it was read')
      const roles = sets.flatMap((set) => (set.kind === 'changes' ? set.folders.map(({ role }) => role) : []))
      t.ok(roles.indexOf('inbox') < roles.indexOf('sent'), 'in the order of the roles')

      t.same(kindsOf(await runOf(harness, reader, { since: day(5) })), [], 'and then there is nothing new')
      await runOf(harness, reader, { since: day(1) })
      t.same(sorted(reader.contents()), before, 'an earlier window brings what lies between')
      t.equal(reader.handedOut(), 4)
      const only = product()
      await runOf(harness, only, { folders: ['sent'] })
      t.same(
        only.contents().map(({ messageId }) => messageId),
        ['mine@x'],
      )
    },
  )

  t.test('the first reading tells how much of each folder is still to come', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    if (!harness.knows.left) return t.pass('it is not known')
    await mailbox.deliver(folders.inbox, mimeOf('old@x'), { at: day(1) })
    for (const n of [6, 7, 8]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`), { at: day(n) })
    await mailbox.deliver(folders.sent, mimeOf('mine@x'), { at: day(9) })
    const come = new Map<string, number>()
    const left = new Map<string, number>()
    for (const set of await runOf(harness, product(), { since: day(5) })) {
      if (set.kind !== 'changes') continue
      for (const change of set.changes)
        if (change.kind === 'added')
          come.set(change.placement.folder, (come.get(change.placement.folder) ?? 0) + 1)
      for (const { folder, count } of set.left ?? []) {
        const wanted = folder === folders.inbox ? 3 : folder === folders.sent ? 1 : 0
        t.equal((come.get(folder) ?? 0) + count, wanted, folder)
        left.set(folder, count)
      }
    }
    t.equal(left.get(folders.inbox), 0)
    t.equal(left.get(folders.sent), 0)
  })

  t.test('folders are wanted by role or path, and what is not there is told', async (t) => {
    const harness = await open(t)
    const { mailbox, folders, provider, access } = harness
    for (const folder of [folders.inbox, folders.sent, folders.archive])
      await mailbox.deliver(folder, mimeOf(`${folder}@x`))
    const told = async (wanted: readonly string[]) => {
      const reader = product()
      const sets = await runOf(harness, reader, { folders: wanted })
      const missing = sets.flatMap((set) => (set.kind === 'missing' ? [set.wanted] : []))
      return { read: reader.contents().map(({ folder }) => folder), missing }
    }
    t.same(await told([folders.archive, 'inbox', 'Nowhere']), {
      read: [folders.inbox, folders.archive],
      missing: ['Nowhere'],
    })
    const session = await provider.open(access, { [folders.archive]: 'sent' }, going())
    try {
      const roles = new Map((await session.folders()).map(({ folder, role }) => [folder, role]))
      t.same(
        [folders.archive, folders.sent].map((folder) => roles.get(folder)),
        ['sent', null],
      )
      const sets = await product().run(session, { folders: ['sent'] })
      t.match(changesOf(sets), [{ placement: { folder: folders.archive, role: 'sent' } }])
    } finally {
      await session.close()
    }
  })

  t.test('from a cursor only what has happened since is told, each thing once', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    for (const n of [1, 2, 3, 4]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    const reader = product()
    await runOf(harness, reader)
    await runOf(harness, reader)
    const next = async () => changesOf(await runOf(harness, reader))

    await mailbox.deliver(folders.inbox, mimeOf('5@x'), { at: day(1) })
    t.match(await next(), [{ kind: 'added', placement: { folder: folders.inbox, role: 'inbox' } }])
    const flags = harness.knows.answered ? ['answered', 'seen'] : ['flagged', 'seen']
    await mailbox.flag('2@x', folders.inbox, flags)
    t.match(await next(), [{ kind: 'flagged', flags }])
    await mailbox.move('3@x', folders.inbox, folders.archive)
    const moved = (await next()).map(({ kind }) => kind)
    t.same(
      moved,
      harness.knows.moves ? ['moved'] : ['added', 'gone'],
      'the new place is known before the old is gone',
    )
    await mailbox.remove('4@x', folders.inbox)
    t.match(await next(), [{ kind: 'gone', placement: { folder: folders.inbox } }])
    t.same(await next(), [])
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
    t.equal(reader.handedOut(), harness.knows.moves ? 5 : 6)
  })

  t.test('cursors that the mailbox does not know any more are no error, and nothing is lost', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    for (const n of [1, 2, 3]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    const reader = product()
    await runOf(harness, reader)
    for (const lose of [
      harness.loseCursors,
      async () => {
        for (const scope of reader.cursors.keys()) reader.cursors.set(scope, 'a cursor of somebody else')
      },
      async () => reader.cursors.clear(),
    ]) {
      const id = `${reader.bytes.size + 1}@x`
      await mailbox.deliver(folders.inbox, mimeOf(id))
      const [{ messageId } = { messageId: '' }] = await mailbox.contents()
      await mailbox.remove(messageId, folders.inbox)
      await lose()
      await runOf(harness, reader)
      t.ok(reader.bytes.has(id))
      await runOf(harness, reader, { thorough: true })
      t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
    }
  })

  t.test('a folder that is taken away takes with it what was in it, and no more', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    await mailbox.deliver(folders.inbox, mimeOf('1@x'))
    await mailbox.deliver(folders.own, mimeOf('2@x'))
    const reader = product()
    const asked = { folders: ['inbox', folders.own] }
    await runOf(harness, reader, asked)
    await mailbox.removeFolder(folders.own)
    const ids = () => reader.contents().map(({ messageId }) => messageId)
    t.same(kindsOf(await runOf(harness, reader, asked)), ['gone'])
    t.same(ids(), ['1@x'])
    t.same(kindsOf(await runOf(harness, reader, asked)), [], 'and that is told once')
    const [place] = changesOf(await runOf(harness, product()))
    if (place?.kind !== 'added') throw new Error('Nothing was there')
    const lost = { ...place.placement, folder: 'Nowhere', role: null }
    t.match(await inSession(harness, (session) => gather(session.raw([lost]))), [{ missing: 'gone' }])
  })

  t.test(
    'hundreds of messages come in sets, and a run that ends in the middle is not begun again',
    async (t) => {
      const harness = await open(t)
      const { mailbox, folders } = harness
      const reader = product()
      for (const total of [230, 460]) {
        for (let n = total - 230; n < total; n += 1) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
        const sets = [...(await runOf(harness, reader, {}, 1)), ...(await runOf(harness, reader))]
        t.ok(sets.every((set) => set.kind === 'changes' && set.changes.length <= 500))
        t.equal(reader.contents().length, total)
        t.equal(reader.handedOut(), total, 'each was handed out once')
      }
    },
  )

  t.test('raw tells what is gone from what is withheld, also while changes are being read', async (t) => {
    const harness = await open(t)
    const { mailbox, folders, withhold } = harness
    for (const n of [1, 2, 3]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    await mailbox.deliver(folders.archive, mimeOf('4@x'))
    const reader = product()
    await runOf(harness, reader)
    const added = changesOf(await runOf(harness, product()))
    const places = added.flatMap((change) => (change.kind === 'added' ? [change.placement] : []))
    t.equal(places.length, 4)
    await mailbox.remove('2@x', folders.inbox)
    withhold?.('3@x')
    const got = await inSession(harness, async (session) => {
      const found = []
      for await (const _set of session.changes(asking())) found.push(...(await gather(session.raw(places))))
      return found
    })
    const outcomes = new Set(got.map((each) => ('missing' in each ? each.missing : 'handed out')))
    t.same(outcomes, new Set(['handed out', 'gone', ...(withhold ? ['withheld'] : [])]))
    const rounds = got.length / places.length
    t.ok(rounds >= 2)
    t.equal(got.filter((each) => 'missing' in each && each.missing === 'gone').length, rounds)
    t.equal(
      got.filter((each) => 'missing' in each && each.missing === 'withheld').length,
      withhold ? rounds : 0,
    )
    withhold?.(null)
    await runOf(harness, reader)
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
  })

  t.test('whoever looks elsewhere between two sets of changes misses none of them', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    await mailbox.deliver(folders.archive, mimeOf('kept@x'))
    for (const n of [1, 2]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`), { at: day(10) })
    await mailbox.deliver(folders.inbox, mimeOf('old@x'), { at: day(1) })
    const reader = product()
    for (const _run of [1, 2]) await runOf(harness, reader, { since: day(5) })
    const [kept] = changesOf(await runOf(harness, product(), { folders: ['archive'] }))
    if (kept?.kind !== 'added') throw new Error('Nothing was there')
    await mailbox.deliver(folders.inbox, mimeOf('3@x'))
    await mailbox.flag('1@x', folders.inbox, ['flagged'])
    await inSession(harness, (session) =>
      reader.run({
        ...session,
        changes: async function* (query) {
          for await (const set of session.changes(query)) {
            yield set
            await gather(session.raw([kept.placement]))
          }
        },
      }),
    )
    t.ok(reader.bytes.has('old@x') && reader.bytes.has('3@x'))
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
  })

  t.test('what a run took in and died over does not stay where it was removed since', async (t) => {
    const harness = await open(t)
    const { mailbox, folders } = harness
    for (const n of [1, 2, 3]) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    const reader = product()
    for (const _run of [1, 2]) await runOf(harness, reader)
    await mailbox.deliver(folders.inbox, mimeOf('4@x'))
    await runOf(harness, reader, {}, 0)
    await mailbox.remove('4@x', folders.inbox)
    await runOf(harness, reader)
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
  })

  t.test('a message that is withheld comes when the mailbox hands it out again', async (t) => {
    const harness = await open(t)
    const { mailbox, folders, withhold } = harness
    if (withhold === null) return t.pass('this mailbox hands out everything')
    await mailbox.deliver(folders.inbox, mimeOf('1@x'))
    await mailbox.deliver(folders.inbox, mimeOf('2@x'))
    withhold('1@x')
    const reader = product()
    await runOf(harness, reader)
    t.same(
      reader.contents().map(({ messageId }) => messageId),
      ['2@x'],
    )
    withhold(null)
    await runOf(harness, reader)
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
  })

  t.test('a watch hints at what is new until it is ended, and says so when it breaks', async (t) => {
    const harness = await open(t)
    const { provider, access, mailbox, folders, lines } = harness
    let hints = 0
    const stop = new AbortController()
    const watching = provider.watch(access, () => (hints += 1), stop.signal)
    const untilHint = async () => {
      const before = hints
      const deliver = () => mailbox.deliver(folders.inbox, mimeOf(`${Math.random()}@x`))
      await until('A hint', deliver, () => hints > before)
    }
    await untilHint()
    await untilHint()
    stop.abort()
    await watching
    await provider.watch(access, () => {}, stop.signal)
    const broken = provider.watch(access, () => (hints += 1), going())
    await Promise.all([
      t.rejects(broken, { name: 'MailUnavailable', kind: 'temporary' }),
      untilHint().then(() => {
        lines.cutAfter(0)
        return mailbox.deliver(folders.inbox, mimeOf('last@x'))
      }),
    ])
    lines.mend()
  })
}
