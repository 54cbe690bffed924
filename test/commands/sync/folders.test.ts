import t from 'tap'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { retryQuarantined } from '../../../src/commands/sync/retry-quarantined.ts'
import { account, accountStream } from '../../../src/domain/accounts/account.ts'
import type { AccountSettings } from '../../../src/domain/accounts/events.ts'
import { messages } from '../../../src/projections/sync/messages.ts'
import { syncStatus } from '../../../src/projections/sync/sync-status.ts'
import { threads } from '../../../src/projections/sync/threads.ts'
import { foldEvents } from '../../support/fold-events.ts'
import { callerNow, hostileMail, mail, outcomeOf, syncRig, type Rig } from '../../support/mailbox-to-sync.ts'
import { accountId } from '../../support/example-sync-events.ts'

const never = new AbortController().signal
const draft = (version: number, headers: Record<string, string> = {}) => ({
  ...mail('draft', { From: 'me@acme.test', Subject: `version ${version}`, ...headers }, `text ${version}`),
  flags: ['\\Draft'],
})
const drafts = { path: 'Drafts', use: '\\Drafts' }

const rowsOf = async (rig: Rig) => (await foldEvents(messages, await rig.events())).message
const lyingIn = async (rig: Rig): Promise<string[]> =>
  (await rowsOf(rig))
    .filter(({ places }) => places.length > 0)
    .map(({ header, direction, places }) => {
      const folders = [...new Set(places.map(({ folder }) => folder))]
      return `${header.subject}: ${direction} in ${folders.join(', ')}`
    })
    .toSorted((a, b) => (a < b ? -1 : 1))
const change = async (rig: Rig, settings: Partial<AccountSettings>) =>
  rig.deps.handle(
    account,
    accountStream(accountId),
    { by: null, do: 'change-settings', settings },
    callerNow(),
  )

t.test('a draft is neither sent nor received: it is listed nowhere, and counted nowhere', async (t) => {
  const rig = await syncRig(t, {
    folders: [{ ...drafts, messages: [draft(1)] }],
    inbox: [{ ...mail('marked', { Subject: 'marked' }), flags: ['\\Draft'] }],
    settings: { folders: ['inbox', 'drafts'] },
  })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.match(await rig.countsOf(1), { listed: 2, stored: 2, drafts: 2, sent: 0, received: 0 })
  t.same(await lyingIn(rig), ['marked: draft in INBOX', 'version 1: draft in Drafts'])
  t.same(
    (await rowsOf(rig)).map(({ listed }) => listed),
    [false, false],
  )
  const { account: status, quarter } = await foldEvents(syncStatus, await rig.events())
  t.match([status, quarter], [[{ emails_synced: 0 }], []])
  t.same((await foldEvents(threads, await rig.events())).thread, [])
})

t.test(
  'a draft that is saved again takes the place of the former one, and one that is discarded is gone',
  async (t) => {
    const rig = await syncRig(t, {
      folders: [{ ...drafts, messages: [draft(1)] }],
      settings: { folders: ['inbox', 'drafts'] },
    })
    for (const _run of [1, 2]) await rig.run()
    for (const [before, version] of [
      [1, 2],
      [2, 3],
    ] as const) {
      rig.mailbox.append('Drafts', draft(version))
      rig.mailbox.remove('Drafts', before)
      await rig.run()
      t.same(await lyingIn(rig), [`version ${version}: draft in Drafts`])
    }
    t.same(
      (await rowsOf(rig)).flatMap(({ defects }) => defects),
      [],
      'none of them forges the Message-ID of another',
    )
    rig.mailbox.remove('Drafts', 3)
    await rig.run()
    t.same(await lyingIn(rig), [])
    t.same((await foldEvents(messages, await rig.events())).located, [])
  },
)

t.test('a draft that turns up in Sent is the sent message', async (t) => {
  const rig = await syncRig(t, {
    folders: [{ ...drafts, messages: [draft(1)] }],
    settings: { folders: ['inbox', 'sent', 'drafts'] },
  })
  for (const _run of [1, 2]) await rig.run()
  rig.mailbox.append('Sent', { raw: draft(1).raw, flags: ['\\Seen'] })
  rig.mailbox.remove('Drafts', 1)
  await rig.run()
  t.same(await lyingIn(rig), ['version 1: out in Sent'])
  t.match(await rig.countsOf(3), { listed: 1, stored: 1, sent: 1, drafts: 0, removed: 0 })
  t.match(await rowsOf(rig), [{ listed: true, defects: [] }])
  const { account: status, quarter } = await foldEvents(syncStatus, await rig.events())
  t.match([status, quarter], [[{ emails_synced: 1 }], [{ sent_elsewhere: 1, received: 0 }]])
  t.match((await foldEvents(threads, await rig.events())).thread, [{ messages: 1, direction: 'out' }])

  rig.mailbox.append('Drafts', draft(2, { 'Message-ID': '<other@x.test>' }))
  await rig.run()
  rig.mailbox.append('Sent', draft(3, { 'Message-ID': '<other@x.test>' }))
  rig.mailbox.remove('Drafts', 2)
  await rig.run()
  t.same(
    await lyingIn(rig),
    ['version 1: out in Sent', 'version 3: out in Sent'],
    'whatever mark it bears there',
  )
  t.same(
    (await rowsOf(rig)).flatMap(({ defects }) => defects),
    [],
  )
})

t.test('any folder is chosen by its path, and roles are given by hand', async (t) => {
  const folders = [
    { path: 'Customers/ACME', messages: [mail('acme', { Subject: 'acme' })] },
    { path: 'Ausgang alt', messages: [mail('mine', { Subject: 'mine' })] },
    { path: 'Other', messages: [mail('other', { Subject: 'other' })] },
  ]
  const rig = await syncRig(t, {
    folders,
    settings: { folders: ['Customers/ACME', 'sent'], folderRoles: { 'Ausgang alt': 'sent' } },
  })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.same(await lyingIn(rig), ['acme: in in Customers/ACME', 'mine: out in Ausgang alt'])
})

t.test(
  'a wanted folder that is missing is named with what to do, and keeps no other from being read',
  async (t) => {
    const rig = await syncRig(t, {
      inbox: [mail(1)],
      settings: { folders: ['inbox', 'drafts', 'Customers'] },
    })
    t.equal(outcomeOf(await rig.run()), 'partial')
    const [finished] = await rig.eventsOf('SyncRunFinished')
    t.match(finished?.data, {
      outcome: 'partial',
      code: 'chosen-folder-missing',
      detail: /drafts, Customers/,
      remedy: /folderRoles/,
      missingFolders: ['drafts', 'Customers'],
    })
    t.match(await rig.countsOf(1), { stored: 1 })
    await change(rig, { folders: ['inbox'] })
    t.equal(outcomeOf(await rig.run()), 'success')
  },
)

t.test('a wanted folder that is missing is named by a run that failed of something else, too', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)], settings: { folders: ['inbox', 'drafts'] } })
  const openMailbox: typeof rig.deps.openMailbox = async (id, signal) => {
    const session = await rig.deps.openMailbox(id, signal)
    if (!session) return null
    const changes: typeof session.changes = async function* (query) {
      for await (const set of session.changes(query))
        if (set.kind === 'missing') yield set
        else throw new MailUnavailable('temporary', 'connection-lost', 'Lost', 'Wait.')
    }
    return { ...session, changes }
  }
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'failed')
  const [finished] = await rig.eventsOf('SyncRunFinished')
  t.match(finished?.data, { code: 'connection-lost', missingFolders: ['drafts'] })
})

t.test('whether what came in was read does not depend on how its folder was chosen', async (t) => {
  const inboxRead = async (settings: Partial<AccountSettings>, options: object = {}) => {
    const rig = await syncRig(t, { inbox: [mail(1)], ...options, settings })
    await rig.run()
    const [finished] = await rig.eventsOf('SyncRunFinished')
    const { outcome, inboxRead: read } = finished!.data as { outcome: string; inboxRead: boolean }
    return `${outcome} ${read}`
  }
  t.equal(await inboxRead({}), 'success true')
  t.equal(await inboxRead({ folders: ['INBOX'] }), 'success true')
  t.equal(await inboxRead({ folders: ['all'] }), 'success true')
  t.equal(await inboxRead({ folders: ['sent', 'archive'] }), 'success false')
  t.equal(await inboxRead({ folders: ['inbox', 'drafts'] }), 'partial true')
  t.equal(await inboxRead({}, { sent: [hostileMail(2)] }), 'partial true')
  t.equal(await inboxRead({}, { inbox: [hostileMail(2)] }), 'partial false')
  t.equal(await inboxRead({ syncDirection: 'send' }), 'success false')
})

t.test('all mail, where no folder has it, lies in every folder but Junk and Trash', async (t) => {
  const rig = await syncRig(t, {
    inbox: [mail('in', { Subject: 'in' })],
    sent: [mail('sent', { Subject: 'sent' })],
    folders: [
      { path: 'Customers/ACME', messages: [mail('acme', { Subject: 'acme' })] },
      { path: 'Spam', messages: [mail('spam')] },
      { path: 'Trash', use: '\\Trash', messages: [mail('trash')] },
      { path: 'Trash/Old', messages: [mail('older trash')] },
    ],
    settings: { folders: ['all'] },
  })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.same(await lyingIn(rig), ['acme: in in Customers/ACME', 'in: in in INBOX', 'sent: out in Sent'])
})

t.test('a folder that has another name now has lost nothing', async (t) => {
  const rig = await syncRig(t, {
    folders: [
      {
        path: 'Customers',
        uidValidity: 77,
        messages: [mail(1, { Subject: 'one' }), mail(2, { Subject: 'two' })],
      },
    ],
    settings: { folders: ['inbox', 'Customers'] },
  })
  for (const _run of [1, 2]) await rig.run()
  const before = await lyingIn(rig)
  rig.mailbox.renameFolder('Customers', 'Clients')
  t.equal(outcomeOf(await rig.run()), 'partial', 'the folder is missing')
  t.same(await lyingIn(rig), before)
  t.match(await rig.countsOf(3), { removed: 0 })

  await change(rig, { folders: ['inbox', 'Clients'] })
  for (const _run of [1, 2]) t.equal(outcomeOf(await rig.run()), 'success')
  t.match(await rig.countsOf(4), { known: 2, stored: 0, removed: 0 })
  t.match(await rig.countsOf(5), { listed: 0, removed: 0 })
  t.same(await lyingIn(rig), ['one: in in Clients', 'two: in in Clients'])
})

t.test(
  'what lay in a folder that is followed no longer stays as it was, whatever becomes of the folder',
  async (t) => {
    const rig = await syncRig(t, {
      folders: [{ path: 'Customers', uidValidity: 77, messages: [mail(1)] }],
      settings: { folders: ['inbox', 'Customers'] },
    })
    for (const _run of [1, 2]) await rig.run()
    const before = await lyingIn(rig)
    await change(rig, { folders: ['inbox'] })
    await rig.run()
    rig.mailbox.removeFolder('Customers')
    t.equal(outcomeOf(await rig.run()), 'success')
    t.same(await lyingIn(rig), before)

    await change(rig, { folders: ['inbox', 'Customers'] })
    await rig.run()
    t.same(await lyingIn(rig), [], 'chosen again, it has gone with what was in it')
  },
)

t.test('a forged sender of our own is no mail of ours, and the patterns are about it too', async (t) => {
  const forged = (n: number) => mail(n, { From: 'ME@acme.test', Subject: `forged ${n}` })
  const rig = await syncRig(t, {
    inbox: [forged(1)],
    sent: [mail(2, { From: 'me@acme.test', Subject: 'mine' })],
    settings: { excludePatterns: [] },
  })
  await rig.run()
  t.same(await lyingIn(rig), ['forged 1: in in INBOX', 'mine: out in Sent'])
  await change(rig, { excludePatterns: [{ pattern: '*@acme.test', match: 'sender' }] })
  rig.mailbox.append('INBOX', forged(3))
  rig.mailbox.append('Sent', mail(4, { From: 'me@acme.test', Subject: 'mine too' }))
  await rig.run()
  t.match(await rig.countsOf(2), { listed: 2, stored: 1, excluded: 1, sent: 1 })
})

t.test('a mail that we send to ourselves is a sent one, wherever it is met first', async (t) => {
  const own = mail(1, { From: 'me@acme.test', Subject: 'note' })
  const rig = await syncRig(t, { inbox: [own], sent: [own] })
  await rig.run()
  t.same(await lyingIn(rig), ['note: out in INBOX, Sent'])
})

t.test(
  'a quarantined message that can be read after all is kept out where the patterns say so',
  async (t) => {
    const rig = await syncRig(t, {
      inbox: [hostileMail(1)],
      settings: { excludePatterns: [{ pattern: '*@x.test', match: 'sender' }] },
    })
    await rig.run()
    const [quarantined] = await rig.eventsOf('MessageQuarantined')
    const { messageId } = quarantined!.data as { messageId: string }
    const healed = await rig.deps.parser.parse(mail(1).raw)
    const parser = { ...rig.deps.parser, parse: async () => healed }
    const { state } = await retryQuarantined({ ...rig.deps, parser })(callerNow(), messageId, never)
    t.match(state, { status: 'skipped' })
    t.match(await rig.eventsOf('QuarantinedMessageSkipped'), [{ data: { pattern: { pattern: '*@x.test' } } }])
    t.same(await rig.eventsOf('MessageSynced'), [])
  },
)
