import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { projections } from '../../src/app/read-models.ts'
import { mailboxesOnDovecot } from '../support/mailboxes-on-dovecot.ts'
import { upToNow } from '../support/mailbox-comparison.ts'

const sarah = 'sarah@acme.test'
const mail = (n: number, more = '') =>
  Buffer.from(
    `From: mia@client.test\r\nTo: ${sarah}\r\nSubject: Offer ${n}\r\nDate: Mon, 2 Mar 2026 10:0${n}:00 +0000\r\nMessage-ID: <${n}@client.test>\r\n${more}\r\nwords ${n}\r\n`,
  )
type Listed = { readonly data: readonly { readonly id: string; readonly subject: string }[] }
type Thread = { readonly messageCount: number; readonly snippet: string }

t.test('deleted messages', { skip: skipWithout('dovecot') }, async (t) => {
  const { app, dovecot, connect } = await mailboxesOnDovecot(t, [sarah])
  const folders = { folders: ['inbox', 'sent', 'archive', 'trash'], historyDays: null }
  const mailbox = await connect(sarah, folders)
  const asClient = async (work: (client: Awaited<ReturnType<typeof dovecot.login>>) => Promise<unknown>) => {
    const client = await dovecot.login(sarah)
    try {
      await work(client)
    } finally {
      await client.logout()
    }
  }
  await asClient(async (client) => {
    for (const path of ['Archive', 'Trash']) await client.mailboxCreate(path)
  })
  for (const raw of [mail(1), mail(2, 'References: <1@client.test>\r\n'), mail(3)]) await mailbox.put(raw)
  await mailbox.sync.now()
  const get = async <Body>(path: string): Promise<Body> => {
    const upTo = await upToNow(app.client)
    return app.client.get<Body>(`${path}${path.includes('?') ? '&' : '?'}${upTo}`)
  }
  const list = (more = '') => get<Listed>(`/v1/messages?account=${mailbox.account}${more}`)
  const subjects = async (more = '') => (await list(more)).data.map(({ subject }) => subject).toSorted()
  const idOf = async (subject: string) => (await list()).data.find((each) => each.subject === subject)!.id
  const threadOf = async (id: string) => {
    const { threadId } = await get<{ threadId: string }>(`/v1/messages/${id}`)
    return () => get<Thread>(`/v1/threads/${threadId}`)
  }
  const everything = async () => ({
    messages: await list(),
    inbox: await list('&folder=inbox'),
    threads: await get(`/v1/threads?account=${mailbox.account}`),
    figures: (await get<{ statistics: object }>(`/v1/email-accounts/${mailbox.account}/sync-status`))
      .statistics,
  })
  const [first, second] = [await idOf('Offer 1'), await idOf('Offer 2')]
  const thread = await threadOf(first)

  t.test('leave lists, folders and threads, and no sync brings them back', async (t) => {
    const before = await everything()
    t.match(await thread(), { messageCount: 2, snippet: /words 2/ })
    const deleted = await app.client.send('DELETE', `/v1/messages/${second}`)
    t.match(deleted.body, { id: second, status: 'deleted' })
    t.match(await thread(), { messageCount: 1, snippet: /words 1/ })
    t.same(await subjects(), ['Offer 1', 'Offer 3'])
    t.same(await subjects('&folder=inbox'), ['Offer 1', 'Offer 3'])
    t.match(await app.ask('GET', `/v1/messages/${second}`), { status: 404 })
    t.match(await app.ask('GET', `/v1/messages/${second}/raw`), { status: 404 })
    t.match(await get(`/v1/email-accounts/${mailbox.account}/deleted-messages`), { data: [{ id: second }] })

    const runs = await mailbox.sync.through(async () => {
      await asClient(async (client) => {
        await client.mailboxOpen('INBOX')
        const [uid] =
          (await client.search({ header: { 'message-id': '<2@client.test>' } }, { uid: true })) || []
        await client.messageFlagsAdd(String(uid), ['\\Flagged'], { uid: true })
        await client.messageCopy(String(uid), 'Archive', { uid: true })
      })
      await mailbox.sync.now()
    })
    const folders = runs.flatMap((run) => run.folders)
    t.ok(folders.every(({ stored }) => stored === 0))
    t.same(
      folders
        .filter(({ folder }) => folder === 'Archive')
        .map(({ known }) => known)
        .filter(Boolean),
      [1],
    )
    t.same(await subjects(), ['Offer 1', 'Offer 3'])
    t.same((await mailbox.mailIn('INBOX', 3)).length, 3, 'in the mailbox it stays where it was')

    const again = await app.client.send('DELETE', `/v1/messages/${second}`)
    t.equal(again.etag, deleted.etag, 'a second deletion is none')
    const stale = { headers: { 'if-match': '"7"' } }
    t.match(await app.ask('POST', `/v1/messages/${second}/restore`, stale), { status: 412 })
    await app.client.send('POST', `/v1/messages/${second}/restore`)
    t.same((await get<{ folders: string[] }>(`/v1/messages/${second}`)).folders.toSorted(), [
      'Archive',
      'INBOX',
    ])
    t.same(
      await everything(),
      { ...before, messages: await list(), inbox: await list('&folder=inbox') },
      'threads and figures are as before',
    )
    t.same(await subjects(), ['Offer 1', 'Offer 2', 'Offer 3'])
  })

  t.test('go into the trash of the mailbox if that is asked for, and into no other place', async (t) => {
    const id = await idOf('Offer 3')
    const runs = await mailbox.sync.through(async () => {
      await app.client.send('DELETE', `/v1/messages/${id}?mailbox=trash`)
      t.match(await mailbox.mailIn('Trash', 1), [{ envelope: { subject: 'Offer 3' } }])
      t.equal((await mailbox.mailIn('INBOX', 2)).length, 2)
      await mailbox.sync.now()
    })
    t.equal(
      runs.flatMap((run) => run.folders).reduce((sum, each) => sum + each.stored, 0),
      0,
    )
    t.notOk((await subjects()).includes('Offer 3'))
    const history = await until(
      'what became of the copy',
      () => get<{ data: { type: string; summary: string }[] }>(`/v1/audit/events?message=${id}`),
      ({ data }) => data.some(({ type }) => type === 'MessageTrashed'),
    )
    t.match(history.data.find(({ type }) => type === 'MessageTrashed')?.summary, /were moved into the trash/)
  })

  t.test('an email sent from here leaves the messages and stays in the outbox', async (t) => {
    const written = { to: [{ address: 'mia@client.test' }], subject: 'Ours', html: '<p>Ours</p>' }
    const sent = await mailbox.queue(written)
    t.match(await app.ask('DELETE', `/v1/messages/${'out_' + '0'.repeat(26)}`), { status: 404 })
    await mailbox.once(sent, 'sent')
    await mailbox.onceFiled(sent)
    await mailbox.sync.now()
    t.ok((await subjects()).includes('Ours'))
    await app.client.send('DELETE', `/v1/messages/${sent}`)
    t.notOk((await subjects()).includes('Ours'))
    await mailbox.sync.now()
    t.notOk((await subjects()).includes('Ours'))
    t.equal((await mailbox.email(sent)).state, 'sent')
  })

  t.test('every read model equals its rebuild', async (t) => {
    await upToNow(app.client)
    const compared = await readModelsEqualRebuild({
      store: postgresEventStore(app.pool),
      pool: app.pool,
      projections,
    })
    t.same(
      compared.filter(({ equal }) => !equal),
      [],
    )
  })
})
