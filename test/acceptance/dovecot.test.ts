import { randomBytes } from 'node:crypto'
import type { ImapFlow } from 'imapflow'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../support/running-app.ts'
import { skipWithout, startDovecot, type SeedFile } from '../../scripts/lib/mail-servers/dovecot.ts'
import { asServed, oddMail, realMail } from '../support/odd-mail.ts'
import { uidOf } from '../support/mailbox-to-sync.ts'
import {
  announcedIn,
  listedMessages,
  lookInto,
  placedByLog,
  sha256,
  syncErrors,
  upToNow,
  type Detailed,
  type Listed,
} from '../support/mailbox-comparison.ts'
import { syncing, type Run } from '../support/awaited-sync-runs.ts'

const user = 'sarah@acme.test'
const password = `geheim-${randomBytes(8).toString('hex')}`
const FOLDERS = ['INBOX', 'Sent', 'Drafts', 'Archive']
/** What the patterns of the account keep out, told without them. */
const isExcluded = (from: string) => from.startsWith('rssfeeds@') || from.endsWith('@slack.net')
const DAY_MS = 86_400_000
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS)
const flagsOf = ['S', 'RS', 'FS', '', 'S']
const seeds = (mails: readonly Buffer[]): SeedFile[] =>
  mails.map((raw, index) => ({
    raw,
    flags: flagsOf[index % 5]!,
    at: daysAgo(90 - (80 * index) / mails.length),
  }))

const easy = realMail('easy-ham-1', 540)
const mailboxes: Record<string, readonly SeedFile[]> = {
  INBOX: [
    ...seeds([...easy, ...realMail('spam-1', 150), ...oddMail.map(({ raw }) => raw), easy[0]!]),
    ...realMail('spam-2', 20).map((raw) => ({ raw, flags: null, at: daysAgo(1) })),
  ],
  Sent: seeds(realMail('easy-ham-2', 150)),
  Drafts: seeds(realMail('spam-2', 30).slice(20)),
  Archive: seeds([...realMail('hard-ham-1', 120), ...easy.slice(0, 50)]),
}

const sum = (run: Run, of: 'listed' | 'stored' | 'known' | 'excluded' | 'failed') =>
  run.folders.reduce((total, folder) => total + folder[of], 0)

t.test('a mailbox of real and malformed mail on Dovecot', { skip: skipWithout('dovecot') }, async (t) => {
  const tls = await testTls()
  const dovecot = await startDovecot(t, { tls, users: { [user]: password } })
  for (const [folder, files] of Object.entries(mailboxes)) dovecot.seed(user, folder, files)
  const other = await dovecot.login(user)
  t.teardown(() => other.close())
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort] })
  const { client } = app
  const announced = () => announcedIn(app.pool)
  const files = () => FOLDERS.map((folder) => dovecot.files(user, folder))

  const lying = await lookInto(other, FOLDERS)
  const left = files()
  t.equal(lying.size, Object.values(mailboxes).flat().length, `${lying.size} messages lie on the server`)

  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner: { kind: 'team' },
    connection: {
      provider: 'imap-smtp',
      imap: { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', username: user, password },
    },
    settings: {
      syncFrequencyMinutes: 60,
      historyDays: null,
      folders: ['inbox', 'sent', 'archive', 'drafts'],
      excludePatterns: [
        { pattern: 'rssfeeds@*', match: 'sender' },
        { pattern: '*@slack.net', match: 'sender' },
      ],
    },
  })
  const account = connected.body.id
  const sync = syncing(client, account, connected.position)
  const first = await sync.after(0, 600_000)
  const listed = await listedMessages(client, account)
  const errors = await syncErrors(client, account)
  const placed = await placedByLog(app.pool)
  const statistics = async () =>
    (
      await client.get<{ statistics: object }>(
        `/v1/email-accounts/${account}/sync-status?${await upToNow(client)}`,
      )
    ).statistics
  const statisticsThen = await statistics()
  const bytesOf = async (id: string) => (await app.ask('GET', `/v1/messages/${id}/raw`)).bytes

  t.test('each message is stored, quarantined or excluded, once, and the counts add up', async (t) => {
    const excluded = [...lying.values()].filter(({ from }) => isExcluded(from)).map(({ place }) => place)
    t.ok(excluded.length > 20, `${excluded.length} are kept out`)
    t.same(
      [...placed.keys(), ...excluded].toSorted(),
      [...lying.keys()].toSorted(),
      'none is missing, none too many',
    )
    t.same(
      [...placed].filter(([, at]) => at.length > 1),
      [],
    )

    for (const { folder, listed, stored, known, excluded, failed, rules } of first.folders) {
      const there = [...lying.keys()].filter((place) => place.startsWith(`${folder}/`)).length
      t.equal(listed, there, `${folder}: all ${there} are listed`)
      t.equal(stored + known + excluded + failed, listed, `${folder}: and accounted for`)
      t.equal(
        rules.reduce((total, { count }) => total + count, 0),
        excluded,
        `${folder}: each by a rule`,
      )
    }
    t.equal(sum(first, 'listed'), lying.size)
    t.equal(sum(first, 'stored'), listed.length, 'as many messages are there as were stored')
    t.equal(sum(first, 'failed'), errors.length)
    t.equal(sum(first, 'excluded'), excluded.length)
    t.equal(first.status, `Partial (${errors.length} failed)`)
  })

  t.test('lists say where each message lies, and whether it was read', async (t) => {
    const foldersOf = new Map<string, Set<string>>()
    const read = new Set<string>()
    for (const [place, at] of placed)
      for (const { id, flags } of at) {
        foldersOf.set(id, (foldersOf.get(id) ?? new Set()).add(place.slice(0, place.lastIndexOf('/'))))
        if (flags.includes('seen')) read.add(id)
      }
    for (const { messageId } of errors) t.ok(foldersOf.delete(messageId), 'errors are no messages yet')
    const shown = new Map(listed.map(({ id, folders }) => [id, new Set(folders)]))
    t.same([...shown.keys()].toSorted(), [...foldersOf.keys()].toSorted())
    t.same(shown, foldersOf)
    t.same(
      listed.filter(({ id, seen, direction }) => seen !== (direction === 'out' || read.has(id))),
      [],
    )
  })

  t.test('each has the bytes that the server has, and its flags', async (t) => {
    const shaOf = new Map([...lying.values()].map(({ place, raw }) => [place, sha256(raw)]))
    const kept = new Set(
      [...placed].flatMap(([place, at]) =>
        at.filter(({ sha }) => sha === shaOf.get(place)).map(({ id }) => id),
      ),
    )
    t.same(
      [...placed].filter(([, [known]]) => !kept.has(known!.id)),
      [],
    )
    t.same(
      [...placed].filter(([place, [known]]) => known!.flags.join() !== lying.get(place)?.flags.join()),
      [],
    )
    for (const [place, [known]] of [...placed].filter((_, index) => index % 20 === 0))
      if (sha256(await bytesOf(known!.id)) !== known!.sha) t.fail(`the API hands out other bytes of ${place}`)
  })

  t.test('malformed mail is read with its defects named, or quarantined with its bytes', async (t) => {
    const onServer = new Map([...lying.values()].map(({ raw, place }) => [sha256(asServed(raw)), place]))
    for (const { name, raw, defect, unreadable } of oddMail) {
      const place = onServer.get(sha256(asServed(raw))) ?? ''
      const id = placed.get(place)?.[0]?.id ?? ''
      t.ok(lying.get(place)?.raw.equals(await bytesOf(id)), `${name}: its bytes are kept`)
      const error = errors.find(({ messageId }) => messageId === id)
      if (unreadable === undefined) t.equal(error, undefined, `${name}: read`)
      else t.match(error, { kind: 'unreadable', reason: unreadable, folder: 'INBOX' }, `${name}: quarantined`)
      const message = await client.get<Detailed>(`/v1/messages/${id}`)
      t.same(
        message.placements.map(({ folder, ref }) => `${folder}/${uidOf(ref)}`),
        [place],
      )
      if (defect !== undefined) t.ok(message.defects.includes(defect), `${name}: ${defect}`)
    }
    t.equal(errors.length, oddMail.filter(({ unreadable }) => unreadable).length, 'nothing else is an error')
  })

  t.test(
    'the mailbox is as it was: no flag, no file has changed, and what was recent still is',
    async (t) => {
      t.same(files(), left)
    },
  )

  t.test('a second run stores nothing', async (t) => {
    const before = await announced()
    const second = await sync.now()
    t.equal(second.count, 0)
    t.equal(await announced(), before)
    t.same(files(), left)
  })

  t.test('what another client flags, deletes and moves is seen', async (t) => {
    const uids = new Map([...placed].map(([place, [known]]) => [known!.id, place.split('/')]))
    const sample = listed.filter(
      ({ id, folders }) => folders.join() === 'INBOX' && placed.get(uids.get(id)!.join('/'))?.length === 1,
    )
    const unseen = sample.filter(({ seen }) => !seen).slice(5, 8)
    const [deleted, moved] = sample.filter(({ seen }) => seen).slice(300) as [Listed, Listed]
    const uidThere = ({ id }: Listed) => uids.get(id)![1]!
    await other.mailboxOpen('INBOX')
    await other.messageFlagsAdd(unseen.map(uidThere).join(), ['\\Seen', '\\Answered'], { uid: true })
    await other.messageDelete(uidThere(deleted), { uid: true })
    await other.messageMove(uidThere(moved), 'Archive', { uid: true })
    const before = await announced()
    const run = await sync.now()
    t.same([await announced(), run.count], [before, 0], 'none of it is a new message')
    const now = await upToNow(client)
    const show = ({ id }: Listed) => client.get<Detailed>(`/v1/messages/${id}?${now}`)
    for (const message of unseen)
      t.match(await show(message), { seen: true, placements: [{ flags: ['answered', 'seen'] }] })
    t.same((await show(deleted)).folders, [], 'deleted there, kept here')
    t.same((await show(moved)).folders, ['Archive'])
  })

  t.test('a change of UIDVALIDITY announces nothing as new, and loses nothing', async (t) => {
    const failing = async () =>
      (await syncErrors(client, account)).map(({ messageId }) => messageId).toSorted()
    const shown = async () => ({ messages: await listedMessages(client, account), failing: await failing() })
    const before = await shown()
    const announcedBefore = await announced()
    const validity = async (client: ImapFlow) =>
      String((await client.mailboxOpen('INBOX', { readOnly: true })).uidValidity)
    const old = await validity(other)
    await other.logout()
    const { number } = await sync.now()
    // Nobody must be in the mailbox while its UIDs are taken away, the watch of the account included.
    await client.send('POST', `/v1/email-accounts/${account}/pause`, {})
    await until(
      'the end of all sessions',
      () =>
        app.pool.query(
          `select from mailtrail.leases where name in ($1, $2) and expires_at > clock_timestamp()`,
          [`watch-${account}`, `sync-${account}`],
        ),
      ({ rowCount }) => rowCount === 0,
    )
    dovecot.forgetUids(user, 'INBOX')
    const again = await dovecot.login(user)
    t.teardown(() => again.close())
    t.not(await validity(again), old, 'the server numbers its messages anew')
    await client.send('POST', `/v1/email-accounts/${account}/resume`)
    const run = await sync.after(number)
    t.same([await announced(), run.count], [announcedBefore, 0])
    const lying = await lookInto(again, FOLDERS)
    const inInbox = [...lying.keys()].filter((place) => place.startsWith('INBOX/'))
    t.equal(
      run.folders.find(({ folder }) => folder === 'INBOX')?.listed,
      inInbox.length,
      'all are listed again',
    )
    t.same(await shown(), before, 'and are the messages that they were')
    const wanted = [...lying.values()].filter(({ from }) => !isExcluded(from)).map(({ place }) => place)
    const placed = await placedByLog(app.pool)
    t.same([...placed.keys()].toSorted(), wanted.toSorted(), 'each at its new place alone')
    const shaOf = ({ raw }: { raw: Buffer }) => sha256(raw)
    const elsewhere = [...placed].filter(
      ([place, at]) => at.length > 1 || at[0]!.sha !== shaOf(lying.get(place)!),
    )
    t.same(elsewhere.length, 0, 'with the bytes that lie there')
    t.same(await statistics(), statisticsThen, 'no figure has changed')
    t.same(await app.leaks([password]), [])
  })
})
