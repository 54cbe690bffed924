import type { Test } from 'tap'
import type { MailboxSession } from '../../src/commands/ports/mail-provider.ts'
import {
  asking,
  gather,
  going,
  inSession,
  mimeOf,
  requireSecrecy,
  troubleOf,
  type Harness,
  type OpenHarness,
} from './mail-provider-harness.ts'
import { product, sorted } from './mail-provider-product.ts'

/** More pieces than any call here needs. */
const MOST_PIECES = 200

/** Calls of a session, and what each is to come to when nothing is in its way. */
const calls = (harness: Harness): Record<string, (session: MailboxSession) => Promise<unknown>> => {
  const { folders } = harness
  return {
    folders: async (session) => (await session.folders()).length > 0,
    changes: async (session) => (await gather(session.changes(asking()))).length > 0,
    raw: async (session) => {
      const reader = product()
      await reader.run(session)
      return reader.contents().length === 3
    },
    whatBecameOf: async (session) =>
      (await session.whatBecameOf({ messageId: 'filed@x', trailId: 'filed', handle: null })) === 'sent',
    fileCopy: async (session) => {
      const copy = {
        messageId: 'copy@x',
        trailId: 'copy',
        sentAt: new Date(),
        content: async () => mimeOf('copy@x'),
      }
      return (await session.fileCopy(copy)).folder === folders.sent
    },
  }
}

const withMail = async (harness: Harness): Promise<void> => {
  const { mailbox, folders } = harness
  await mailbox.deliver(folders.inbox, mimeOf('1@x'))
  await mailbox.deliver(folders.archive, mimeOf('2@x'))
  await mailbox.deliver(folders.sent, mimeOf('filed@x'))
}

/** Faults at every call: what the connection and the server can do to it. */
export const faultsContract = (t: Test, open: OpenHarness): void => {
  t.test(
    'wherever the connection is cut, a call says so in the words of the port or has done all',
    async (t) => {
      for (const name of ['folders', 'changes', 'raw', 'whatBecameOf', 'fileCopy']) {
        const harness = await open(t)
        const { provider, access, lines, mailbox } = harness
        await withMail(harness)
        const call = calls(harness)[name]!
        let cuts = 0
        for (let pieces = 0; pieces < MOST_PIECES; pieces += 1) {
          const session = await provider.open(access, {}, going())
          lines.cutAfter(pieces)
          const trouble = await troubleOf(t, harness, async () => t.ok(await call(session), name))
          const wasCut = lines.wasCut()
          await session.close()
          lines.mend()
          if (!wasCut) {
            t.equal(trouble, null, `${name} does all where nothing is in its way`)
            break
          }
          if (trouble !== null) t.equal(trouble.kind, 'temporary', `${name}: ${trouble.code}`)
          cuts += 1
        }
        t.ok(cuts > 0 && cuts < MOST_PIECES, `${name} was cut ${cuts} times`)
        const copies = (await mailbox.contents()).filter(({ messageId }) => messageId === 'copy@x')
        t.equal(copies.length, name === 'fileCopy' ? 1 : 0, 'a copy is filed once, however often it is tried')
      }
    },
  )

  t.test('wherever signing in is cut, it says so, and its test names the step', async (t) => {
    const harness = await open(t)
    const { provider, access, lines } = harness
    for (const name of ['open', 'test']) {
      let cuts = 0
      for (let pieces = 0; pieces < MOST_PIECES; pieces += 1) {
        lines.cutAfter(pieces)
        const trouble = await troubleOf(t, harness, async () => {
          if (name === 'open') return (await provider.open(access, {}, going())).close()
          const { ok, steps } = await provider.test(access, going())
          const failed = steps.filter((step) => !step.ok && step.skipped !== true)
          t.equal(
            ok,
            steps.every((step) => step.ok),
          )
          if (lines.wasCut()) t.ok(failed.every(({ code, remedy }) => code && remedy))
          requireSecrecy(t, harness, steps)
        })
        const wasCut = lines.wasCut()
        lines.mend()
        if (name === 'test') t.equal(trouble, null, 'a test does not throw')
        if (trouble !== null) t.match(trouble.kind, /temporary|refused/, trouble.code)
        if (!wasCut) break
        cuts += 1
      }
      t.ok(cuts > 0 && cuts < MOST_PIECES, `${name} was cut ${cuts} times`)
    }
    t.match(await provider.test(access, going()), { ok: true })
  })

  t.test('a login that is not accepted needs a person, and shows nothing of itself', async (t) => {
    const harness = await open(t)
    const { provider, wrongAccess } = harness
    const trouble = await troubleOf(t, harness, () => provider.open(wrongAccess, {}, going()))
    t.equal(trouble?.kind, 'sign-in-again')
    const watching = await troubleOf(t, harness, () => provider.watch(wrongAccess, () => {}, going()))
    t.equal(watching?.kind, 'sign-in-again')
    const { ok, steps } = await provider.test(wrongAccess, going())
    t.notOk(ok)
    t.match(
      steps.filter((step) => !step.ok && step.skipped !== true),
      [{ step: 'login', code: trouble?.code, remedy: /./ }],
    )
    requireSecrecy(t, harness, steps)
  })

  t.test('what a server says no with is told in the words of the port, at every call', async (t) => {
    const harness = await open(t)
    const { provider, access, refusals } = harness
    await withMail(harness)
    for (const { what, kind, set } of refusals) {
      const seen: string[] = []
      for (const [name, call] of Object.entries(calls(harness))) {
        const session = await provider.open(access, {}, going())
        set(true)
        const trouble = await troubleOf(t, harness, () => call(session))
        set(false)
        await session.close()
        if (trouble === null) continue
        t.equal(trouble.kind, kind, `${what}, ${name}: ${trouble.code}`)
        t.equal(trouble.until === null || trouble.until > new Date(), true)
        seen.push(name)
      }
      t.ok(seen.includes('changes'), `${what}: ${seen.join(', ')}`)
    }
    const reader = product()
    await inSession(harness, (session) => reader.run(session))
    t.equal(reader.contents().length >= 3, true, 'and all is well afterwards')
  })

  t.test('what was cut goes on in the next session, and in the end all is there once', async (t) => {
    const harness = await open(t)
    const { provider, access, lines, mailbox, folders } = harness
    for (let n = 0; n < 230; n += 1) await mailbox.deliver(folders.inbox, mimeOf(`${n}@x`))
    await withMail(harness)
    const reader = product()
    for (let pieces = 1, done = false; !done; pieces *= 2) {
      const session = await provider.open(access, {}, going())
      lines.cutAfter(pieces)
      const trouble = await troubleOf(t, harness, () => reader.run(session))
      done = !lines.wasCut()
      t.equal(trouble?.kind ?? 'temporary', 'temporary')
      await session.close()
      lines.mend()
    }
    t.same(sorted(reader.contents()), sorted(await mailbox.contents()))
  })

  t.test('a stop ends what is under way', async (t) => {
    const harness = await open(t)
    await withMail(harness)
    const { provider, access } = harness
    const stop = new AbortController()
    const session = await provider.open(access, {}, stop.signal)
    stop.abort()
    t.ok(await troubleOf(t, harness, () => gather(session.changes(asking()))))
    await session.close()
    t.ok(await troubleOf(t, harness, () => provider.open(access, {}, stop.signal)))
  })
}
