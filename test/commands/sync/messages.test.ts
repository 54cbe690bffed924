import fc from 'fast-check'
import { createHash } from 'node:crypto'
import t from 'tap'
import { portFlags } from '../../../src/adapters/imap-smtp/flags.ts'
import { Refused } from '../../../src/domain/refusal.ts'
import type { FolderCounts } from '../../../src/domain/sync/events.ts'
import { StaleRevision } from '../../../src/commands/revisions.ts'
import { retryQuarantined } from '../../../src/commands/sync/retry-quarantined.ts'
import { skipQuarantined } from '../../../src/commands/sync/skip-quarantined.ts'
import { callerNow, hostileMail, mail, outcomeOf, syncRig, type Rig } from '../../support/mailbox-to-sync.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId } from '../../support/example-sync-events.ts'

type Synced = { messageId: string; outgoingId: string | null; direction: string; header: { subject: string } }
const syncedIn = async (rig: Rig): Promise<Synced[]> =>
  (await rig.eventsOf('MessageSynced')).map(({ data }) => data as Synced)
const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const never = new AbortController().signal

t.test('a copy of our own message is known for one, and a forged one is not', async (t) => {
  const outgoingId = idOf('out', 7)
  const own = { From: 'me@acme.test', 'Message-ID': `<${outgoingId}@acme.test>`, Subject: 'ours' }
  const sent = mail(0, own)
  const findOutgoing = async (id: string) =>
    id === outgoingId ? { accountId, blobs: [hashOf(Buffer.alloc(0)), hashOf(sent.raw)], sentAt: null } : null
  const rig = await syncRig(t, {
    findOutgoing,
    sent: [
      mail(0, own, 'as the provider filed it'),
      mail(1, { 'Message-ID': '<rewritten@provider.test>', 'X-Mailtrail-Id': outgoingId, Subject: 'ours' }),
      mail(2, { 'Message-ID': `<${idOf('out', 8)}@acme.test>`, Subject: 'of nobody' }),
    ],
    inbox: [
      sent,
      mail(0, own, 'other words'),
      mail(3, { From: 'ME@acme.test', Subject: 'by another program' }),
    ],
  })
  await rig.deps.blobs.put([{ hash: hashOf(sent.raw), content: sent.raw }])
  t.equal(outcomeOf(await rig.run()), 'success')
  const found = (await syncedIn(rig)).map(
    ({ header, outgoingId: id, direction }) =>
      `${header.subject}: ${id === null ? 'not ours' : 'ours'}, ${direction}`,
  )
  t.strictSame(
    found.toSorted((a, b) => (a < b ? -1 : 1)),
    [
      'by another program: not ours, in',
      'of nobody: not ours, out',
      'ours: not ours, in',
      'ours: ours, out',
      'ours: ours, out',
      'ours: ours, out',
    ],
  )
})

t.test('another account’s outgoing message is not this account’s', async (t) => {
  const outgoingId = idOf('out', 7)
  const findOutgoing = async () => ({ accountId: idOf('acc', 2), blobs: [], sentAt: null })
  const rig = await syncRig(t, {
    findOutgoing,
    sent: [mail(0, { 'Message-ID': `<${outgoingId}@acme.test>` })],
  })
  await rig.run()
  t.match(await syncedIn(rig), [{ outgoingId: null }])
})

t.test('mail without a Message-ID is told apart by its bytes', async (t) => {
  const bare = (more: string) => ({ raw: Buffer.from(`From: cron@x.test\r\n${more}\r\nthe same words\r\n`) })
  const rig = await syncRig(t, {
    inbox: [bare('To: a@x.test\r\n'), bare('To: b@x.test\r\n'), bare('To: a@x.test\r\n')],
  })
  await rig.run()
  t.match(await rig.countsOf(1), { listed: 3, stored: 2, known: 1 })
})

const quarantinedId = async (rig: Rig): Promise<string> => {
  const [event] = await rig.eventsOf('MessageQuarantined')
  return (event!.data as { messageId: string }).messageId
}

t.test('a quarantined message is skipped once and for all', async (t) => {
  const rig = await syncRig(t, { inbox: [hostileMail(1)] })
  t.equal(outcomeOf(await rig.run()), 'partial')
  const id = await quarantinedId(rig)
  const skip = skipQuarantined(rig.deps)
  t.match(await skip(callerNow(), id), { state: { status: 'skipped' } })
  const events = (await rig.events()).length
  await skip(callerNow(), id)
  t.equal((await rig.events()).length, events, 'the second time is nothing')
  rig.mailbox.renumber('INBOX', 99)
  t.equal(outcomeOf(await rig.run()), 'success', 'and it is a failure no more')
  await t.rejects(skip(callerNow(), idOf('msg', 1)), { name: 'NotFound' })
})

t.test(
  'a quarantined message that can be read after all lives on under its identity, wherever it lies',
  async (t) => {
    const rig = await syncRig(t, { inbox: [hostileMail(1)], settings: { folders: ['inbox', 'archive'] } })
    await rig.run()
    rig.mailbox.append('Archive', hostileMail(1))
    await rig.run()
    const id = await quarantinedId(rig)
    t.match(await retryQuarantined(rig.deps)(callerNow(), id, never), {
      state: { status: 'quarantined', quarantined: { attempts: 2 } },
    })
    const healed = await rig.deps.parser.parse(mail(1).raw)
    const parser = { ...rig.deps.parser, parse: async () => healed }
    const retry = retryQuarantined({ ...rig.deps, parser })
    for (const stale of [0, 'none'] as const) {
      await t.rejects(retry(callerNow(), id, never, stale), StaleRevision)
      await t.rejects(skipQuarantined(rig.deps)(callerNow(), id, stale), StaleRevision)
    }
    const { state } = await retry(callerNow(), id, never)
    const [synced] = await syncedIn(rig)
    t.match(state, { status: 'released', became: synced!.messageId })
    const placed = await rig.eventsOf('MessageAddedToFolder')
    t.match(placed.at(-1), { data: { messageId: synced!.messageId, placement: { folder: 'Archive' } } })
    await t.rejects(retry(callerNow(), id, never), Refused, 'there is nothing left to retry')
    t.equal(outcomeOf(await rig.run()), 'success')
    t.equal((await syncedIn(rig)).length, 1)
  },
)

// ---------------------------------------------------------------- everything at once

type Step =
  | { do: 'arrive'; n: number; hostile: boolean }
  | { do: 'delete' | 'flag' | 'move'; which: number }
  | { do: 'renumber' }
  | { do: 'run'; stopAfter: number | null }

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('arrive'), n: fc.nat({ max: 20 }), hostile: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete', 'flag', 'move'), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'renumber' }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('run'), stopAfter: fc.option(fc.nat({ max: 6 }), { freq: 1 }) }),
  },
) as fc.Arbitrary<Step>

const take = async (rig: Rig, action: Step): Promise<void> => {
  const { mailbox } = rig
  const there = mailbox.messages('INBOX')
  const chosen = 'which' in action ? there[action.which % (there.length || 1)] : undefined
  switch (action.do) {
    case 'arrive':
      mailbox.append('INBOX', action.hostile ? hostileMail(action.n) : mail(action.n))
      return
    case 'delete':
      if (chosen) mailbox.remove('INBOX', chosen.uid)
      return
    case 'flag':
      if (chosen) mailbox.setFlags('INBOX', chosen.uid, chosen.flags.includes('\\Seen') ? [] : ['\\Seen'])
      return
    case 'move':
      if (!chosen) return
      mailbox.append('Sent', { raw: chosen.raw })
      mailbox.remove('INBOX', chosen.uid)
      return
    case 'renumber':
      mailbox.renumber('INBOX', Math.floor(Math.random() * 1e9))
      return
    case 'run': {
      const dying = new AbortController()
      let appended = 0
      const append: typeof rig.store.append = async (what) => {
        if (action.stopAfter !== null && appended++ >= action.stopAfter) dying.abort(new Error('killed'))
        dying.signal.throwIfAborted()
        return rig.store.append(what)
      }
      const parts = { store: { ...rig.store, append } }
      const run = rig.run(dying.signal, 'schedule', { ...parts, handle: rig.handleOn(parts.store) })
      await run.catch((error: unknown) => {
        if (!dying.signal.aborted) throw error
      })
    }
  }
}

t.test(
  'after whatever happened to a mailbox, two runs know exactly what lies in it, and the sums add up',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
        const ends: (() => unknown)[] = []
        const rig = await syncRig({ teardown: (end) => ends.push(end) })
        try {
          for (const action of steps) await take(rig, action)
          await rig.run()
          rig.later(31)
          await rig.run()
          const lies = (folder: string) =>
            rig.mailbox
              .messages(folder)
              .map(({ uid, raw, flags }) => `${folder} ${uid} ${hashOf(raw)} ${portFlags(flags).join()}`)
          const expected = [...lies('INBOX'), ...lies('Sent')]
          const actual = await rig.whatLies()
          const same = JSON.stringify(actual.toSorted(byText)) === JSON.stringify(expected.toSorted(byText))
          if (!same) console.error(actual, expected)
          return same && (await sumsAddUp(rig))
        } finally {
          for (const end of ends) await end()
        }
      }),
      { numRuns: 40 },
    )
    t.pass()
  },
)

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

const sumsAddUp = async (rig: Rig): Promise<boolean> =>
  (await rig.eventsOf('ChangesSynced'))
    .flatMap(({ data }) => (data as { folders: FolderCounts[] }).folders)
    .every(({ listed, stored, known, excluded, failed }) => listed === stored + known + excluded + failed)
