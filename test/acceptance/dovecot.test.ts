import { randomBytes } from 'node:crypto'
import type { ImapFlow } from 'imapflow'
import t from 'tap'
import { testTls } from '../../scripts/lib/tls.ts'
import { startApp } from '../support/app.ts'
import { skipWithout, startDovecot, type SeedFile } from '../support/dovecot.ts'
import { oddMail, realMail } from '../support/odd-mail.ts'
import {
  byPlace,
  lookInto,
  messageIds,
  sha256,
  bytesOf,
  messagesOf,
  syncErrors,
  type Synced,
} from '../support/synced-mailbox.ts'
import { syncing, type Run } from '../support/syncing.ts'

t.setTimeout(120_000)
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
  const newsIn = async () => {
    const types = ['MessageSynced', 'MessageQuarantined', 'MessageRemoved']
    const { rows } = await app.pool.query<{ type: string; n: number }>(
      'select type, count(*)::int as n from es.events where type = any($1) group by type',
      [types],
    )
    return Object.fromEntries(rows.map(({ type, n }) => [type, n]))
  }
  const files = () => FOLDERS.map((folder) => dovecot.files(user, folder))

  const lying = await lookInto(other, FOLDERS)
  const left = files()
  t.equal(lying.size, Object.values(mailboxes).flat().length, `${lying.size} messages lie on the server`)

  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    provider: 'imap',
    address: user,
    owner: { kind: 'team' },
    smtp: null,
    imap: { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', username: user, password },
    settings: {
      syncFrequencyMinutes: 60,
      historyDays: null,
      folders: ['inbox', 'sent', 'archive', 'drafts'],
      excludePatterns: ['rssfeeds@*', '*@slack.net'],
    },
  })
  const account = connected.body.id
  const sync = syncing(client, account, connected.position)
  const first = await sync.after(0)
  const messages = await messagesOf(client, await messageIds(client, account))
  const statistics = () => client.get<{ statistics: object }>(`/v1/email-accounts/${account}/sync-status`)
  const statisticsThen = (await statistics()).statistics

  t.test('each message is stored, quarantined or excluded, once, and the counts add up', async (t) => {
    const placed = byPlace(messages)
    const excluded = [...lying.values()].filter(({ from }) => isExcluded(from))
    const expected = new Set(excluded.map(({ place }) => place))
    const missing = [...lying.keys()].filter((place) => !placed.has(place) && !expected.has(place))
    t.same(missing, [], 'none is missing')
    t.same(
      [...placed].filter(([place, at]) => at.length > 1 || !lying.has(place) || expected.has(place)),
      [],
    )
    t.ok(excluded.length > 20, `${excluded.length} are kept out`)

    for (const { folder, listed, stored, known, excluded, failed, rules } of first.folders) {
      const there = [...lying.keys()].filter((place) => place.startsWith(`${folder}/`)).length
      t.equal(listed, there, `${folder}: all ${there} are listed`)
      t.equal(stored + known + excluded + failed, listed, `${folder}: and accounted for`)
      t.equal(
        rules.reduce((total, { count }) => total + count, 0),
        excluded,
      )
    }
    const quarantined = messages.filter((message) => message.quarantined !== null)
    t.equal(sum(first, 'stored'), messages.length - quarantined.length)
    t.equal(sum(first, 'failed'), quarantined.length)
    t.equal(sum(first, 'excluded'), excluded.length)
    t.equal(sum(first, 'listed'), lying.size)
    t.equal(first.status, `Partial (${quarantined.length} failed)`)
  })

  t.test('each has the bytes that the server has, and its flags', async (t) => {
    const shaOf = new Map([...lying.values()].map(({ place, raw }) => [place, sha256(raw)]))
    const { rows } = await app.pool.query<{ id: string; raw: string; content: string }>(
      `select data->>'messageId' as id, data->>'raw' as raw, encode(sha256(content), 'hex') as content
       from es.events join mailtrail.blobs on hash = decode(data->>'raw', 'hex')
       where type in ('MessageSynced', 'MessageQuarantined')`,
    )
    const kept = new Map(rows.map(({ id, raw, content }) => [id, raw === content ? raw : 'spoilt']))
    const isKept = ({ id, placements }: Synced) =>
      placements.some(({ folder, uid }) => shaOf.get(`${folder}/${uid}`) === kept.get(id))
    t.same(
      messages.filter((message) => !isKept(message)),
      [],
    )
    const isWrong = ({ folder, uid, flags }: Synced['placements'][number]) =>
      flags.toSorted().join() !== lying.get(`${folder}/${uid}`)?.flags.join()
    t.same(
      messages.flatMap(({ placements }) => placements.filter(isWrong)),
      [],
    )
    const some = messages.filter((_, index) => index % 20 === 0).map(({ id }) => id)
    t.same(
      [...(await bytesOf(app.ask, some))].filter(([id, sha]) => sha !== kept.get(id)),
      [],
      'so says the API',
    )
  })

  t.test('malformed mail is read with its defects named, or quarantined with its bytes', async (t) => {
    const errors = await syncErrors(client, account)
    const onServer = new Map([...lying.values()].map((mail) => [sha256(asServed(mail.raw)), mail.place]))
    const placed = byPlace(messages)
    const idOf = (raw: Buffer) => placed.get(onServer.get(sha256(asServed(raw))) ?? '')?.[0]?.id ?? ''
    const kept = await bytesOf(
      app.ask,
      oddMail.map(({ raw }) => idOf(raw)),
    )
    for (const { name, raw, defect, unreadable } of oddMail) {
      const place = onServer.get(sha256(asServed(raw))) ?? ''
      const [message] = placed.get(place) ?? []
      const served = sha256(lying.get(place)?.raw ?? Buffer.of())
      t.equal(kept.get(message?.id ?? ''), served, `${name}: its bytes are kept`)
      const error = errors.find(({ messageId }) => messageId === message?.id)
      if (unreadable === undefined) t.equal(error, undefined, `${name}: read`)
      else t.match(error, { kind: 'unreadable', reason: unreadable, folder: 'INBOX' }, `${name}: quarantined`)
      if (defect !== undefined) t.ok(message?.defects.includes(defect), `${name}: ${defect}`)
    }
    t.equal(errors.length, oddMail.filter(({ unreadable }) => unreadable).length, 'nothing else is an error')
  })

  t.test(
    'the mailbox is as it was: no flag, no file has changed, and what was recent still is',
    async (t) => {
      t.same(files(), left)
    },
  )

  t.test('a second pass stores nothing', async (t) => {
    const before = await newsIn()
    const second = await sync.now()
    t.equal(second.count, 0)
    t.same(await newsIn(), before)
    t.same(files(), left)
  })

  t.test('what another client flags, deletes and moves is seen', async (t) => {
    const sample = messages.filter(
      ({ folders, placements, quarantined }) =>
        folders.join() === 'INBOX' && placements.length === 1 && quarantined === null,
    )
    const unseen = sample.filter(({ seen }) => !seen).slice(5, 8)
    const [deleted, moved] = sample.filter(({ seen }) => seen).slice(300) as [Synced, Synced]
    const uidOf = ({ placements }: Synced) => String(placements[0]!.uid)
    await other.mailboxOpen('INBOX')
    await other.messageFlagsAdd(unseen.map(uidOf).join(), ['\\Seen', '\\Answered'], { uid: true })
    await other.messageDelete(uidOf(deleted), { uid: true })
    await other.messageMove(uidOf(moved), 'Archive', { uid: true })
    const before = await newsIn()
    const run = await sync.now()
    t.same(
      { ...(await newsIn()), MessageRemoved: 0 },
      { ...before, MessageRemoved: 0 },
      'none of it is a new message',
    )
    t.equal(run.count, 0)
    for (const { id } of unseen) {
      const now = await client.get<Synced>(`/v1/messages/${id}`)
      t.match(now, { seen: true, placements: [{ flags: ['\\Answered', '\\Seen'] }] })
    }
    t.same((await client.get<Synced>(`/v1/messages/${deleted.id}`)).folders, [], 'deleted there, kept here')
    t.same((await client.get<Synced>(`/v1/messages/${moved.id}`)).folders, ['Archive'])
  })

  t.test('a change of UIDVALIDITY announces nothing as new, and loses nothing', async (t) => {
    const ids = await messageIds(client, account, 'INBOX')
    const { MessageRemoved: _, ...before } = await newsIn()
    const validity = async (client: ImapFlow) =>
      String((await client.mailboxOpen('INBOX', { readOnly: true })).uidValidity)
    const old = await validity(other)
    await other.logout()
    dovecot.forgetUids(user, 'INBOX')
    const again = await dovecot.login(user)
    t.teardown(() => again.close())
    t.not(await validity(again), old, 'the server numbers its messages anew')
    const run = await sync.now()
    t.equal(run.count, 0)
    const { MessageRemoved: __, ...after } = await newsIn()
    t.same(after, before)
    const lying = await lookInto(again, ['INBOX'])
    t.equal(run.folders.find(({ folder }) => folder === 'INBOX')?.listed, lying.size, 'all are listed again')
    t.same(await messageIds(client, account, 'INBOX'), ids, 'and are the messages that they were')
    const some = ids.filter((_, index) => index % 10 === 0)
    const bytes = await bytesOf(app.ask, some)
    const shaOf = new Map([...lying.values()].map(({ place, raw }) => [place, sha256(raw)]))
    for (const { id, placements } of await messagesOf(client, some)) {
      const places = placements.filter(({ folder }) => folder === 'INBOX').map(({ uid }) => `INBOX/${uid}`)
      if (places.length > 0 && places.every((place) => shaOf.get(place) === bytes.get(id))) continue
      t.fail(`${id} does not lie at ${places.join()}`)
    }
    t.same((await statistics()).statistics, statisticsThen, 'no figure has changed')
    t.same(await app.leaks([password]), [])
  })
})

/** As an IMAP server hands a file out: lines end in CR LF, and NUL, which it must not send, is another byte. */
const asServed = (raw: Buffer): Buffer =>
  Buffer.from(raw.toString('latin1').replaceAll(/\r?\n/g, '\r\n').replaceAll('\0', '\x80'), 'latin1')
