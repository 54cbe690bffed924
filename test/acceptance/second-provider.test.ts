import t from 'tap'
import { addressesIn, click, open } from '../../scripts/demo/world.ts'
import { until } from '../../scripts/lib/client.ts'
import { startApp } from '../support/running-app.ts'
import { labelMailProvider } from '../support/label-mail/provider.ts'
import { messageIdOf, startLabelMail } from '../support/label-mail/service.ts'
import { announcedIn, listedMessages, upToNow } from '../support/mailbox-comparison.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

// A kind of mail system that the product has never heard of, over its public API alone.

const sarah = 'sarah@label.test'
const mia = 'mia@label.test'
const [token, otherToken] = ['secret-of-sarah', 'secret-of-mia']
/** Later than machines that look at a mail on its way are. */
const AFTER_SCANNERS_MS = 3000

const mailFrom = (from: string, id: string, more = ''): Buffer =>
  Buffer.from(
    `From: ${from}\r\nTo: ${sarah}\r\nSubject: About ${id}\r\nMessage-ID: <${id}>\r\nDate: Fri, 02 Jan 2026 10:00:00 +0000\r\n${more}\r\nHello\r\n`,
  )

type Outbox = { id: string; state: string; messageId: string; copy: string | null }
type Summary = { opens: number; linkClicks: number; replies: number; machine: { opens: number } }

t.test('a provider that has no UIDs is connected, synced, sent through and tracked', async (t) => {
  const service = await startLabelMail()
  t.teardown(() => service.close())
  const mailbox = service.addMailbox(sarah, token)
  const hers = service.addMailbox(mia, otherToken)
  const app = await startApp(t, { providers: [labelMailProvider(service.url)] })
  const { client } = app
  const deliver = (id: string, label = 'Inbox', more = '') =>
    mailbox.add(label, { raw: mailFrom(mia, id, more), receivedAt: new Date(), flags: [] })

  const first = deliver('1@label.test')
  const second = deliver('2@label.test')
  const third = deliver('3@label.test')
  deliver('4@label.test', 'Later')

  t.test('a wrong token is told step by step, and connects nothing', async (t) => {
    const connection = { provider: 'label-mail', address: sarah, token: 'secret-wrong' }
    const { body } = await client.send('POST', '/v1/connection-tests', { connection })
    t.match(body, {
      ok: false,
      steps: [{ service: 'label-mail', step: 'login', code: 'label-mail-signed-out' }],
    })
    const refused = { address: sarah, owner: { kind: 'team' }, connection }
    await t.rejects(client.send('POST', '/v1/email-accounts', refused), {
      name: 'ApiProblem',
      message: /^422 /,
    })
  })

  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: sarah,
    owner: { kind: 'team' },
    connection: { provider: 'label-mail', address: sarah, token },
    settings: { displayName: 'Sarah', syncFrequencyMinutes: 60, folders: ['inbox', 'sent', 'archive'] },
  })
  const account = connected.body.id
  const sync = syncing(client, account, connected.position)
  const listed = () => listedMessages(client, account)
  const folderOf = async (subject: string) => {
    const path = `/v1/messages?account=${account}&${await upToNow(client)}`
    const { data } = await client.get<{ data: { subject: string; folders: string[]; seen: boolean }[] }>(path)
    const found = data.find((each) => each.subject === subject)
    return found && { folders: found.folders, seen: found.seen }
  }

  t.test('it is connected, and shows its connection but for the token', async (t) => {
    await sync.after(0)
    t.match(await client.get(`/v1/email-accounts/${account}?${await upToNow(client)}`), {
      provider: 'Label Mail',
      status: 'active',
      connection: { provider: 'label-mail', address: sarah },
    })
    t.match((await client.send('POST', `/v1/email-accounts/${account}/connection-tests`)).body, { ok: true })
  })

  t.test('it is synced, label by label, each message once', async (t) => {
    t.match(await sync.after(0), { status: 'Success', count: 3 })
    t.equal((await listed()).length, 3)
    t.match(await sync.now(), { status: 'Success', count: 0 })
    t.equal(await announcedIn(app.pool), 3)
  })

  t.test('what is moved, read and removed is so here too, and no message is a new one by it', async (t) => {
    mailbox.move(first, 'Inbox', 'Put away')
    mailbox.flag(second, ['seen'])
    mailbox.unlabel(third, 'Inbox')
    await sync.now()
    t.same(await folderOf('About 1@label.test'), { folders: ['Put away'], seen: false })
    t.same(await folderOf('About 2@label.test'), { folders: ['Inbox'], seen: true })
    t.same(await folderOf('About 3@label.test'), { folders: [], seen: false })
    t.equal(await announcedIn(app.pool), 3)
    mailbox.move(first, 'Put away', 'Later')
    await sync.now()
    t.same((await folderOf('About 1@label.test'))?.folders, [], 'it lies where nobody looks')
  })

  t.test('a past that the service has forgotten loses nothing', async (t) => {
    mailbox.forget()
    mailbox.unlabel(second, 'Inbox')
    deliver('5@label.test')
    t.match(await sync.now(), { status: 'Success', count: 1 })
    t.same((await folderOf('About 2@label.test'))?.folders, [])
    t.same((await folderOf('About 5@label.test'))?.folders, ['Inbox'])
  })

  t.test('a mail is sent through it, opened, clicked and answered, and each is counted once', async (t) => {
    const { body, position } = await client.send<{ id: string }>('POST', '/v1/outbox', {
      email: {
        accountId: account,
        to: [{ address: mia }],
        subject: 'Our offer',
        html: '<p>Here is <a href="https://acme.test/offer">our offer</a>.</p>',
      },
      undoSeconds: 0,
    })
    const outbox = () => client.get<Outbox>(`/v1/outbox/${body.id}?min_position=${position}`)
    await until('Sending', outbox, ({ state }) => state === 'sent')
    // A mailbox that files copies by itself is left the time to do it; a sync run that meets the copy ends the wait.
    await sync.now()
    const sent = await until('The copy', outbox, ({ copy }) => copy !== null)
    const sentAt = Date.now()
    t.equal(sent.copy, 'found', 'the service files what it sends')
    t.equal(service.sent.length, 1)
    const [arrived] = hers.messages()
    t.equal(messageIdOf(arrived!.raw), sent.messageId)

    mailbox.add('Inbox', {
      raw: mailFrom(mia, 'answer@label.test', `In-Reply-To: <${sent.messageId}>\r\n`),
      receivedAt: new Date(),
      flags: [],
    })
    t.match(await sync.now(), { status: 'Success' })

    const { pixel, links } = addressesIn({
      user: mia,
      envelope: { from: sarah, recipients: [mia] },
      raw: arrived!.raw,
    })
    await until(
      'The end of scanning',
      async () => Date.now(),
      (now) => now > sentAt + AFTER_SCANNERS_MS,
    )
    await open(pixel ?? '')
    await click(links[0] ?? '')
    const tracked = () => client.get<{ summary: Summary }>(`/v1/outbox/${body.id}/tracking`)
    const isCounted = ({ summary }: { summary: Summary }) =>
      summary.opens > 0 && summary.linkClicks > 0 && summary.replies > 0
    t.match((await until('The counts', tracked, isCounted)).summary, { opens: 1, linkClicks: 1, replies: 1 })

    await sync.now()
    const ours = (await listed()).filter(({ direction }) => direction === 'out')
    t.same(
      ours.map(({ id, folders }) => ({ id, folders })),
      [{ id: body.id, folders: ['Outgoing'] }],
    )
    const status = `/v1/email-accounts/${account}/sync-status?${await upToNow(client)}`
    t.match(await client.get(status), {
      status: 'active',
      statistics: { todaysSends: 1, todaysSendsElsewhere: 0 },
    })
  })

  t.test('a token that is no more accepted needs a person, who gives another one', async (t) => {
    service.faults.status = 401
    t.match(await sync.now(), { status: 'Failed', remedy: /./ })
    delete service.faults.status
    const shown = await app.ask('GET', `/v1/email-accounts/${account}`)
    const answer = await app.ask('PUT', `/v1/email-accounts/${account}/connection`, {
      body: { connection: { provider: 'label-mail', address: sarah } },
      headers: { 'if-match': shown.headers.get('etag') ?? '' },
    })
    t.equal(answer.status, 200, 'the kept token stays for the same mailbox')
    t.match(await sync.now(), { status: 'Success' })
  })

  t.test('no token was said', async (t) => {
    t.same(await app.leaks([token, otherToken, 'secret-wrong']), [])
  })
})
