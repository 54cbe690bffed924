import t from 'tap'
import {
  MailUnavailable,
  type MailboxSession,
  type OpenMailbox,
} from '../../../src/commands/ports/mail-provider.ts'
import { RevisionConflict } from '../../../src/commands/ports/event-log.ts'
import { account, accountStream } from '../../../src/domain/accounts/account.ts'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import { callerNow, mail, numbers, outcomeOf, syncRig } from '../../support/mailbox-to-sync.ts'
import { accountId } from '../../support/example-sync-events.ts'

const fromSender = (pattern: string): ExcludePattern => ({ pattern, match: 'sender' })

t.test('a run that dies in the middle is gone on with, and nothing is stored twice or lost', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(450).map((n) => mail(n)) })
  for (const stopAfter of [3, 230]) {
    const dying = new AbortController()
    let appended = 0
    const append: typeof rig.store.append = async (what) => {
      if (what.stream.startsWith('message-') && ++appended > stopAfter) dying.abort(new Error('killed'))
      dying.signal.throwIfAborted()
      return rig.store.append(what)
    }
    const result = await rig.run(dying.signal, 'schedule', { store: { ...rig.store, append } })
    t.equal(outcomeOf(result), 'interrupted')
  }
  t.equal(outcomeOf(await rig.run()), 'success')
  const synced = await rig.eventsOf('MessageSynced')
  t.equal(synced.length, 450)
  t.equal(new Set(synced.map(({ data }) => (data as { identity: string }).identity)).size, 450)
  t.strictSame(
    (await rig.eventsOf('SyncRunFinished')).map(({ data }) => (data as { outcome: string }).outcome),
    ['abandoned', 'abandoned', 'success'],
  )
  const runs = await Promise.all([1, 2, 3].map((number) => rig.countsOf(number)))
  const sumOf = (of: 'listed' | 'stored' | 'known') => runs.reduce((sum, counts) => sum + counts[of], 0)
  t.strictSame(
    [sumOf('listed'), sumOf('stored'), sumOf('known')],
    [450, 450, 0],
    'what a dead run had stored counts as stored, once',
  )
})

t.test(
  'a folder that cannot be read fails the run after all others were read, and says until when',
  async (t) => {
    const rig = await syncRig(t, { inbox: [mail(1)] })
    const until = new Date(Date.now() + 3_600_000)
    const openMailbox: OpenMailbox = async (id, signal) => {
      const session = await rig.deps.openMailbox(id, signal)
      if (!session) return null
      const changes: typeof session.changes = async function* (query) {
        const trouble = new MailUnavailable('throttled', 'slow-down', 'Too many requests', 'Wait.', until)
        yield { kind: 'trouble', folder: { folder: 'Sent', role: 'sent' }, trouble }
        yield* session.changes(query)
      }
      return { ...session, changes }
    }
    t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'failed')
    t.match((await rig.events()).at(-1), {
      data: {
        kind: 'throttled',
        code: 'slow-down',
        detail: 'Too many requests: Sent',
        until: until.toISOString(),
      },
    })
    t.match(await rig.countsOf(1), { stored: 1 })
  },
)

t.test(
  'a connection that breaks ends the run with a reason and a remedy, and costs no message',
  async (t) => {
    const rig = await syncRig(t, { inbox: numbers(250).map((n) => mail(n)) })
    rig.server.faults.failSearch = true
    t.equal(outcomeOf(await rig.run()), 'failed')
    t.match((await rig.events()).at(-1), {
      data: { outcome: 'failed', kind: 'temporary', code: /./, detail: /./, remedy: /./ },
    })
    rig.server.faults.failSearch = false
    rig.server.faults.refuseLogin = true
    t.equal(outcomeOf(await rig.run()), 'failed')
    t.match((await rig.events()).at(-1), { data: { kind: 'sign-in-again', code: 'login-rejected' } })
    t.notMatch(JSON.stringify(await rig.events()), /correct horse/)
    rig.server.faults.refuseLogin = false
    t.equal(outcomeOf(await rig.run()), 'success')
    t.match(await rig.countsOf(3), { listed: 250, stored: 250 })
  },
)

t.test(
  'two workers at one account: one of them syncs, and one that lost its lease records nothing more',
  async (t) => {
    const rig = await syncRig(t, { inbox: numbers(30).map((n) => mail(n)) })
    const both = await Promise.all([rig.run(), rig.run()])
    t.strictSame(
      both.map(outcomeOf).toSorted((a, b) => (a < b ? -1 : 1)),
      ['busy', 'success'],
    )

    rig.mailbox.append('INBOX', mail(31))
    let overtaken = false
    const openMailbox: typeof rig.deps.openMailbox = async (id, signal) => {
      const session = await rig.deps.openMailbox(id, signal)
      if (!session || overtaken) return session
      overtaken = true
      const leases = { acquire: async () => ({ name: '', generation: 2, signal, release: async () => {} }) }
      t.equal(outcomeOf(await rig.run(undefined, 'schedule', { leases })), 'success', 'another takes over')
      return session
    }
    t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'interrupted')
    t.equal((await rig.eventsOf('MessageSynced')).length, 31)
  },
)

t.test('what others write to the stream of a message meanwhile is no reason to fail', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1), mail(1)] })
  let conflicts = 0
  const append: typeof rig.store.append = async (what) => {
    if (what.stream.startsWith('message-') && what.expected !== 'no_stream' && conflicts++ < 10)
      throw new RevisionConflict(what.stream, what.expected, what.expected + 1)
    return rig.store.append(what)
  }
  const store = { ...rig.store, append }
  const run = await rig.run(undefined, 'schedule', { store, handle: rig.handleOn(store) })
  t.equal(outcomeOf(run), 'success')
  t.match(await rig.countsOf(1), { listed: 2, stored: 1, known: 1, failed: 0 })
})

t.test('a folder that cannot be read costs that folder alone', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)], sent: [mail('s')] })
  const troubled =
    (...folders: string[]): OpenMailbox =>
    async (id, signal) => {
      const session = await rig.deps.openMailbox(id, signal)
      if (!session) return null
      const changes: typeof session.changes = async function* (query) {
        const trouble = new MailUnavailable('refused', 'folder-unavailable', 'It cannot be opened', 'Look.')
        for (const folder of folders) yield { kind: 'trouble', folder: { folder, role: null }, trouble }
        if (folders.length < 2) yield* session.changes(query)
      }
      return { ...session, changes }
    }
  const some = await rig.run(undefined, 'schedule', { openMailbox: troubled('Archive') })
  t.equal(outcomeOf(some), 'partial')
  t.match(await rig.countsOf(1), { listed: 2, stored: 2 })
  t.match((await rig.events()).at(-1), {
    data: {
      outcome: 'partial',
      code: null,
      troubles: [
        { folder: 'Archive', code: 'folder-unavailable', detail: 'It cannot be opened', remedy: 'Look.' },
      ],
    },
  })
  const none = await rig.run(undefined, 'schedule', { openMailbox: troubled('INBOX', 'Sent') })
  t.equal(outcomeOf(none), 'failed', 'where nothing can be read, the run fails')
  t.match((await rig.events()).at(-1), { data: { detail: 'It cannot be opened: INBOX' } })
})

for (const [what, command, code] of [
  ['paused', { do: 'pause', reason: '' }, 'account-paused'],
  ['disconnected', { do: 'disconnect', reason: '' }, 'account-disconnected'],
  [
    'given other patterns',
    { do: 'change-settings', settings: { excludePatterns: ['*@x.test'].map(fromSender) } },
    'account-changed',
  ],
] as const)
  t.test(
    `a run is stopped while it runs when its account is ${what}, and counts what it stored`,
    async (t) => {
      const rig = await syncRig(t, { inbox: numbers(20).map((n) => mail(n)) })
      // After so many messages the mailbox says nothing more, until somebody hangs up.
      const openMailbox: OpenMailbox = async (id, signal) => {
        const session = await rig.deps.openMailbox(id, signal)
        if (!session) return null
        const raw: MailboxSession['raw'] = async function* (placements) {
          let told = 0
          for await (const each of session.raw(placements)) {
            yield each
            if (++told < 5) continue
            await rig.deps.handle(account, accountStream(accountId), { by: null, ...command }, callerNow())
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
            throw new MailUnavailable('temporary', 'connection-lost', 'Lost', 'Wait.')
          }
        }
        return { ...session, raw }
      }
      t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'stopped')
      t.match((await rig.events()).at(-1), {
        type: 'SyncRunFinished',
        data: { outcome: 'stopped', code, detail: /./, remedy: /./ },
      })
      t.match(await rig.countsOf(1), { listed: 5, stored: 5, failed: 0 })
      t.equal((await rig.eventsOf('MessageSynced')).length, 5)
      if (what !== 'given other patterns') return t.equal(outcomeOf(await rig.run()), 'inactive')
      t.equal(outcomeOf(await rig.run()), 'success', 'the next one goes on, in the new way')
      t.match(await rig.countsOf(2), { stored: 0, known: 5, excluded: 15 })
    },
  )
