import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import { OrganizationRecorded } from '../../../src/domain/directory/events.ts'
import { EmailSent } from '../../../src/domain/sending/events.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { callerNow } from '../../support/mailbox-to-sync.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'

// Accounts 1 and 3 are the team's, account 2 is u1's own. They only send.

const app = await startApp(t)
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
  { n: 3, owner: { kind: 'team' } },
])
const program = app.client
for (const user of ['u1', 'u2']) await program.send('PUT', `/v1/directory/users/${user}`, { name: user })
const [owner, other] = [app.clientOf('u1'), app.clientOf('u2')]
const [team, personal, second] = [idOf('acc', 1), idOf('acc', 2), idOf('acc', 3)]
const pathOf = (id: string) => `/v1/email-accounts/${id}`
const shown = async <Shown extends object>(path: string): Promise<Shown> =>
  program.get<Shown>(`${path}?${await upToNow(program)}`)

t.test('list and page say the same of an account, which is active where it only sends', async (t) => {
  t.match(await shown(pathOf(team)), { status: 'active', reasons: [] })
  t.match(await shown(`${pathOf(team)}/sync-status`), { status: 'active', reasons: [], lastSync: 'never' })
  await program.send('POST', `${pathOf(second)}/pause`, { reason: 'holiday' })
  const paused = { status: 'paused', reasons: [{ code: 'account-paused', detail: 'holiday', remedy: /./ }] }
  t.match(await shown(pathOf(second)), paused)
  t.match(await shown(`${pathOf(second)}/sync-status`), paused)
  const { data } = await shown<{ data: { id: string }[] }>('/v1/email-accounts')
  t.match(
    data.find(({ id }) => id === second),
    paused,
  )
  await program.send('POST', `${pathOf(second)}/resume`)
  t.match(await shown(pathOf(second)), { status: 'active', reasons: [] })
})

/** From which account a draft goes that names none. */
const writtenFrom = async (client: typeof owner): Promise<string | number> => {
  const draft = { to: [{ address: 'mia@client.test' }], subject: 'Hello', html: '<p>Hi</p>' }
  const { status, bytes } = await app.ask('POST', '/v1/drafts', {
    body: draft,
    headers: client === owner ? { 'mailtrail-user': 'u1' } : {},
  })
  if (status !== 201) return status
  const { id } = JSON.parse(bytes.toString()) as { id: string }
  const saved = await client.get<{ accountId: string }>(`/v1/drafts/${id}?${await upToNow(program)}`)
  return saved.accountId
}

t.test('an answer about an account says nothing of its status: the account itself does', async (t) => {
  for (const verb of ['pause', 'resume'])
    t.strictSame((await program.send('POST', `${pathOf(second)}/${verb}`, {})).body, { id: second })
})

t.test('a default account that is paused, disconnected or unset is none', async (t) => {
  await owner.send('PUT', `${pathOf(personal)}/default`)
  await program.send('PUT', `${pathOf(team)}/default`)
  t.equal(await writtenFrom(owner), personal)
  await owner.send('POST', `${pathOf(personal)}/pause`, {})
  t.equal(await writtenFrom(owner), team, "the team's takes the place of one that is paused")
  await owner.send('POST', `${pathOf(personal)}/resume`)
  t.equal(await writtenFrom(owner), personal)
  t.match(await shown(pathOf(personal)), { isDefault: true })
  t.match((await owner.send('DELETE', `${pathOf(personal)}/default`)).body, { accountId: null })
  t.match((await owner.send('DELETE', `${pathOf(personal)}/default`)).body, { accountId: null })
  t.match(await shown(pathOf(personal)), { isDefault: false })
  t.equal(await writtenFrom(owner), team)
  await program.send('POST', `${pathOf(team)}/disconnect`, {})
  t.match(await shown(pathOf(team)), { isDefault: false })
  t.equal(await writtenFrom(owner), 422)
})

t.test('what was sent today is counted of the accounts that the user may use', async (t) => {
  const store = postgresEventStore(app.pool)
  t.teardown(() => store.close())
  const sent = (n: number, accountId: string) => {
    const outgoingId = idOf('out', n)
    const sentAt = new Date().toISOString()
    const rest = {
      attempt: 1,
      template: null,
      first: true,
      accepted: [],
      refused: [],
      deferred: [],
      retryAt: null,
      evidence: 'answer' as const,
    }
    const event = EmailSent({ outgoingId, accountId, sentAt, ...rest })
    const events = [newEvent(event, crypto.randomUUID(), callerNow(), sentAt)]
    return store.append({ stream: `outgoing-${outgoingId}`, expected: 'no_stream', events })
  }
  for (const [n, accountId] of [team, team, personal].entries()) await sent(900 + n, accountId)
  const figures = async (client: typeof owner) =>
    (await client.get<{ figures: object }>(`/v1/email-accounts?${await upToNow(program)}`)).figures
  t.match(await figures(program), { emailsSentToday: 3 })
  t.match(await figures(owner), { emailsSentToday: 3 })
  t.match(await figures(other), { emailsSentToday: 2, connectedAccounts: 1 })
})

t.test('only names of the IANA database are time zones, and one that is stored harms nothing', async (t) => {
  const put = (timeZone: string) =>
    app.ask('PUT', '/v1/directory/organization', { body: { name: 'Acme', timeZone } })
  for (const zone of ['+0900', '+05:30', '-08:00', 'Nowhere/Land', '9']) {
    const { status, bytes } = await put(zone)
    const remedy = /such as Europe\/Berlin/
    t.match(
      JSON.parse(bytes.toString()),
      { status: 422, code: 'unknown-time-zone', remedy },
      `${zone} ${status}`,
    )
  }
  for (const zone of ['Europe/Berlin', 'Asia/Kathmandu', 'UTC', 'US/Eastern'])
    t.equal((await put(zone)).status, 200, zone)

  const store = postgresEventStore(app.pool)
  t.teardown(() => store.close())
  const old = OrganizationRecorded({ organization: { name: 'Acme', timeZone: '+0900', ...nothingVisible } })
  const events = [newEvent(old, crypto.randomUUID(), callerNow(), new Date().toISOString())]
  const { length } = await store.readStream('organization-main')
  await store.append({ stream: 'organization-main', expected: length - 1, events })
  t.match(await shown(`${pathOf(second)}/sync-status`), { timeZone: '+0900', statistics: {} })
  t.match(await shown('/v1/email-accounts'), { figures: { emailsSentToday: /\d/ } })
})
