import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailCancelled, EmailQueued } from '../../../src/domain/sending/events.ts'
import { outgoingStream } from '../../../src/domain/sending/outgoing-email.ts'
import { MessageQuarantined } from '../../../src/domain/sync/events.ts'
import { messageStream } from '../../../src/domain/sync/message.ts'
import { syncRunStream } from '../../../src/domain/sync/sync-run.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { at, exampleDraft, exampleQueued, idOf } from '../../support/example-emails.ts'
import {
  changesSynced,
  placeOf,
  runFinished,
  runStarted,
  synced,
  withheldAt,
} from '../../support/example-sync-events.ts'
import { callerNow } from '../../support/mailbox-to-sync.ts'
import { problemIn } from '../../support/problem-answers.ts'
import { startApp } from '../../support/running-app.ts'

// Every list: what narrows it down, in which orders it comes, and that its pages fit together.

const app = await startApp(t)
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
const store = postgresEventStore(app.pool)
t.teardown(() => store.close())
const acc = [idOf('acc', 0), idOf('acc', 1), idOf('acc', 2)] as const

/** Appends to a new stream; what happened then was an hour later each time. */
let hours = 0
const append = async (stream: string, ...events: DomainEvent[]) => {
  const caller = callerNow()
  const occurredAt = at(3600 * ++hours)
  await store.append({
    stream,
    expected: 'no_stream',
    events: events.map((event, n) =>
      newEvent(
        event,
        `00000000-0000-4000-8000-${String(hours * 100 + n).padStart(12, '0')}`,
        caller,
        occurredAt,
      ),
    ),
  })
}

const ofEmails = [
  { accountId: acc[1], userId: 'u1', contactId: 'c1', dealId: null, template: null },
  { accountId: acc[1], userId: 'u2', contactId: 'c2', dealId: 'd1', template: null },
  {
    accountId: acc[2],
    userId: 'u1',
    contactId: 'c1',
    dealId: 'd2',
    template: { templateId: idOf('tpl', 1), version: 1 },
  },
]
for (const [n, of] of ofEmails.entries()) {
  const outgoingId = idOf('out', n + 1)
  const scheduledAt = n === 1 ? '2999-01-01T00:00:00.000Z' : null
  const times = { queuedAt: at(n * 60), scheduledAt, notBefore: '2999-01-01T00:00:00.000Z' }
  const draft = exampleDraft({ ...of, subject: `Draft ${n}` })
  await append(
    outgoingStream(outgoingId),
    EmailQueued(exampleQueued({ outgoingId, ...of, ...times, draft })),
    ...(n === 2 ? [EmailCancelled({ outgoingId, accountId: of.accountId, draft })] : []),
  )
}
for (const n of [11, 12, 13, 14])
  await append(
    messageStream(idOf('msg', n)),
    synced(n, {
      accountId: acc[1],
      direction: n === 12 ? 'out' : 'in',
      placement: placeOf(n, n === 12 ? 'Sent' : 'INBOX'),
      header: n === 14 ? { inReplyTo: ['13@x.test'], references: ['13@x.test'] } : {},
    }),
  )
for (const [n, outcome] of (['success', 'partial', 'failed', null] as const).entries()) {
  const withheld = [withheldAt(placeOf(50, 'Archive')), withheldAt(placeOf(51))]
  const failures = withheld.map(({ placement: { folder, ref }, attempts }) => {
    return { folder, ref, reason: 'no such message', attempts }
  })
  await append(
    syncRunStream(acc[1], n + 1),
    runStarted(n + 1),
    ...(n === 3 ? [changesSynced(n + 1, { failed: 2 }, { failures, withheld })] : []),
    ...(outcome === null ? [] : [runFinished(n + 1, outcome)]),
  )
}
await append(
  messageStream(idOf('msg', 60)),
  MessageQuarantined({
    messageId: idOf('msg', 60),
    accountId: acc[1],
    placement: placeOf(60),
    flags: [],
    receivedAt: at(0),
    size: 10,
    raw: 'a'.repeat(64),
    reason: 'it is hostile',
    attempts: 1,
  }),
)
await app.client.send('PUT', '/v1/directory/users/u1', { name: 'Sarah Own' })
const send = async (method: 'PUT' | 'POST', path: string, body: object) =>
  (await app.client.send<{ id: string }>(method, path, body)).body.id
for (const [id, name] of [
  ['x1', 'Beta'],
  ['x2', 'alpha 100%'],
  ['x3', 'Gamma'],
] as const) {
  const domains = [`${id}.test`, `Mail.${id}.test`]
  const ownerId = id === 'x3' ? 'u2' : 'u1'
  const territory = id === 'x3' ? 'South' : 'North'
  await send('PUT', `/v1/directory/companies/${id}`, { name, domains, ownerId, territory })
  await send('PUT', `/v1/directory/deals/${id}`, {
    name,
    ownerId,
    stage: id === 'x2' ? 'Won' : 'Open',
    contactIds: id === 'x3' ? ['x1'] : ['x1', 'x2'],
    ...(id === 'x3' ? {} : { companyId: 'x1' }),
  })
  await send('PUT', `/v1/directory/users/${id}`, { name })
  await send('PUT', `/v1/directory/contacts/${id}`, {
    firstName: name,
    emails: [`${id}@x.test`],
    ownerId,
    territory,
    product: `Product ${id}`,
    ...(id === 'x1' ? {} : { companyId: 'x2' }),
  })
  const body = {
    format: id === 'x2' ? 'mjml' : 'html',
    source: id === 'x2' ? '<mjml><mj-body /></mjml>' : '<p/>',
  }
  await send('POST', '/v1/templates', { scope: 'shared', name, subject: `About ${name}`, body })
  await send('POST', '/v1/drafts', {
    accountId: id === 'x1' ? acc[2] : acc[1],
    subject: `Draft ${name}`,
    contactId: id === 'x2' ? 'c1' : null,
    dealId: id === 'x3' ? 'd1' : null,
  })
  await send('POST', '/v1/api-keys', {
    name: `Key ${name}`,
    scopes: ['messages:read'],
    userId: id === 'x1' ? 'u1' : null,
  })
}
const keys = await app.client.get<{ data: Item[] }>('/v1/api-keys?search=gamma')
await app.client.send('DELETE', `/v1/api-keys/${String(keys.data[0]?.['id'])}`)

type Item = Readonly<Record<string, unknown>>
type Page = { data: Item[]; nextCursor: string | null }
type List = {
  readonly path: string
  /** Field to sort by; the first is that of the default order, with its hyphen. */
  readonly sorts: readonly string[]
  /** What narrows it down, and which of all items are then shown. */
  readonly filters: Readonly<Record<string, (item: Item) => boolean>>
}
const is = (field: string, value: unknown) => (item: Item) => item[field] === value
const says = (field: string, text: string) => (item: Item) => String(item[field]).toLowerCase().includes(text)
const later = (field: string, instant: string) => (item: Item) => String(item[field]) >= instant
const earlier = (field: string, instant: string) => (item: Item) => String(item[field]) <= instant
const ofCompany = { 'company=x1': is('companyId', 'x1') }
const ofOwner = { 'owner=u1': is('ownerId', 'u1') }
const ofTerritory = { 'territory=north': is('territory', 'North') }
const beginning = { 'search=ALPHA': says('name', 'alpha'), 'search=alpha%20100%25': says('name', '100%') }

const lists: readonly List[] = [
  {
    path: '/v1/email-accounts',
    sorts: ['connectedAt', 'address', 'lastSyncAt', 'status'],
    filters: {
      'owner=team': is('user', 'Team'),
      'search=BOX2': says('address', 'box2'),
      'search=SARAH': is('user', 'Sarah Own'),
      'search=sarah&sort=-status': is('user', 'Sarah Own'),
    },
  },
  {
    path: '/v1/outbox',
    sorts: ['-queuedAt'],
    filters: {
      'state=queued': is('state', 'queued'),
      'state=scheduled': is('state', 'scheduled'),
      [`account=${acc[1]}`]: is('accountId', acc[1]),
      'user=u1': is('userId', 'u1'),
      'contact=c1': is('contactId', 'c1'),
      'deal=d1': is('dealId', 'd1'),
      [`template=${idOf('tpl', 1)}`]: is('templateId', idOf('tpl', 1)),
      [`from=${at(60)}`]: later('queuedAt', at(60)),
      [`to=${at(60)}`]: earlier('queuedAt', at(60)),
      [`user=u1&contact=c1&account=${acc[2]}&from=${at(0)}`]: is('accountId', acc[2]),
    },
  },
  {
    path: '/v1/drafts',
    sorts: ['-changedAt'],
    filters: {
      [`account=${acc[1]}`]: is('accountId', acc[1]),
      'contact=c1': is('contactId', 'c1'),
      'deal=d1': is('dealId', 'd1'),
      'search=DRAFT%20A': says('subject', 'draft a'),
      'search=%25': says('subject', '%'),
      [`to=${at(3600 * 24 * 30)}`]: earlier('changedAt', at(3600 * 24 * 30)),
      [`from=${at(3600 * 24 * 30)}`]: later('changedAt', at(3600 * 24 * 30)),
    },
  },
  {
    path: '/v1/templates',
    sorts: ['name', 'changedAt'],
    filters: {
      'format=mjml': is('format', 'mjml'),
      'search=ALPHA': says('name', 'alpha'),
      'search=about%20b': says('subject', 'about b'),
      'search=%25': says('name', '%'),
    },
  },
  {
    path: `/v1/messages?account=${acc[1]}`,
    sorts: ['-receivedAt'],
    filters: {
      'direction=out': is('direction', 'out'),
      'direction=in': is('direction', 'in'),
      'folder=Sent': is('direction', 'out'),
      'folder=inbox&from=2026-01-05T13:00:00Z': (item) =>
        is('direction', 'in')(item) && later('receivedAt', '2026-01-05T13:00:00.000Z')(item),
      'from=2026-01-05T12:00:00Z': later('receivedAt', '2026-01-05T12:00:00.000Z'),
      'to=2026-01-05T12:00:00Z': earlier('receivedAt', '2026-01-05T12:00:00.000Z'),
    },
  },
  {
    path: `/v1/threads?account=${acc[1]}`,
    sorts: ['-lastActivityAt'],
    filters: {
      'lastDirection=out': is('lastDirection', 'out'),
      'from=2026-01-05T12:00:00Z': later('lastActivityAt', '2026-01-05T12:00:00.000Z'),
      'to=2026-01-05T12:00:00Z': earlier('lastActivityAt', '2026-01-05T12:00:00.000Z'),
    },
  },
  {
    path: `/v1/email-accounts/${acc[1]}/sync-runs`,
    sorts: ['-time'],
    filters: {
      'status=running': is('status', 'Running'),
      'status=success': is('status', 'Success'),
      'status=failed': is('status', 'Failed'),
      'status=partial': says('status', 'partial'),
    },
  },
  {
    path: `/v1/email-accounts/${acc[1]}/sync-errors`,
    sorts: ['-lastAt'],
    filters: {
      'kind=unreadable': is('kind', 'unreadable'),
      'kind=withheld': is('kind', 'withheld'),
      'folder=INBOX': is('folder', 'INBOX'),
    },
  },
  {
    path: '/v1/api-keys',
    sorts: ['createdAt', 'name'],
    filters: {
      'user=u1': is('userId', 'u1'),
      'status=revoked': (item) => item['revokedAt'] !== null,
      'status=active': is('revokedAt', null),
      'search=KEY%20b': says('name', 'key b'),
    },
  },
  { path: '/v1/directory/users', sorts: ['id', 'name'], filters: beginning },
  {
    path: '/v1/directory/companies',
    sorts: ['id', 'name'],
    filters: {
      ...beginning,
      ...ofOwner,
      ...ofTerritory,
      'domain=mail.X2.test': is('id', 'x2'),
      'owner=u1&territory=North&domain=x1.test': is('id', 'x1'),
    },
  },
  {
    path: '/v1/directory/deals',
    sorts: ['id', 'name'],
    filters: {
      ...beginning,
      ...ofCompany,
      ...ofOwner,
      'contact=x2': is('companyId', 'x1'),
      'stage=won': is('stage', 'Won'),
      'contact=x1&stage=open&owner=u1': is('id', 'x1'),
    },
  },
  {
    path: '/v1/directory/contacts',
    sorts: ['id'],
    filters: {
      'search=alpha': says('firstName', 'alpha'),
      'company=x2': is('companyId', 'x2'),
      'email=X2@x.test': is('id', 'x2'),
      ...ofOwner,
      ...ofTerritory,
      'product=PRODUCT%20x1': is('id', 'x1'),
      'owner=u1&search=alpha': is('id', 'x2'),
    },
  },
  {
    path: '/v1/audit/events',
    sorts: ['-position'],
    filters: {
      'type=EmailQueued': is('type', 'EmailQueued'),
      'actorKind=system': (item) => (item['actor'] as Item)['kind'] === 'system',
    },
  },
]

const head = (await store.head())!
const ask = (path: string, query: string) =>
  app.ask('GET', `${path}${path.includes('?') ? '&' : '?'}min_position=${encodeURIComponent(head)}&${query}`)
const list = async (path: string, query: string): Promise<Page> => {
  const { status, json } = await ask(path, query)
  if (status !== 200) throw new Error(`${path} ${query} answers ${status}: ${JSON.stringify(json)}`)
  const page = json as Page
  // The key that asks is used meanwhile.
  return { ...page, data: page.data.map((item) => ({ ...item, lastUsedAt: null })) }
}
const idOfItem = (item: Item) => item['id'] ?? item['number'] ?? item['ref']

for (const { path, sorts, filters } of lists)
  t.test(`${path}: its filters, its orders and its pages`, async (t) => {
    const all = (await list(path, 'limit=200')).data
    for (const [filter, holds] of Object.entries(filters)) {
      const { data } = await list(path, `limit=200&${filter}`)
      t.strictSame(data.map(idOfItem), all.filter(holds).map(idOfItem), filter)
      t.ok(data.length > 0 && data.length < all.length, `${filter} takes some, and not all`)
      const first = await list(path, 'limit=1')
      t.ok(first.nextCursor)
      problemIn(t, await ask(path, `limit=1&${filter}&cursor=${first.nextCursor}`), 400, 'invalid-cursor')
    }
    const fields = sorts.map((sort) => sort.replace(/^-/, ''))
    t.strictSame((await list(path, `limit=200&sort=${sorts[0]}`)).data, all, 'the order if none is asked for')
    for (const sort of fields.flatMap((field) => [field, `-${field}`])) {
      const whole = (await list(path, `limit=200&sort=${sort}`)).data
      const paged: Item[] = []
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page = await list(path, `sort=${sort}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
        paged.push(...page.data)
        cursor = page.nextCursor
      }
      t.strictSame(paged.map(idOfItem), whole.map(idOfItem), `${sort}, page by page`)
      const field = sort.replace(/^-/, '')
      const values = whole.map((item) =>
        String(item[field])
          .toLowerCase()
          .replace(/^null$/, ''),
      )
      const sorted = values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))
      if (field in whole[0]!) t.strictSame(values, sort === field ? sorted : sorted.toReversed(), sort)
      const other = sort === field ? `-${field}` : field
      const { nextCursor } = await list(path, `sort=${sort}&limit=1`)
      problemIn(t, await ask(path, `sort=${other}&limit=1&cursor=${nextCursor}`), 400, 'invalid-cursor')
    }
    problemIn(t, await ask(path, 'sort=sideways'), 400, 'invalid-request')
  })

t.test('messages of a thread come in either order and from any time, and stand by themselves', async (t) => {
  const { threadId } = await app.client.get<{ threadId: string }>(`/v1/messages/${idOf('msg', 14)}`)
  const path = `/v1/messages?thread=${threadId}`
  const ids = async (query: string) => (await list(path, query)).data.map(idOfItem)
  const [older, newer] = [idOf('msg', 13), idOf('msg', 14)]
  t.strictSame(await ids(''), [older, newer])
  t.strictSame(await ids('sort=-receivedAt'), [newer, older])
  t.strictSame(await ids('from=2026-01-05T14:00:00Z'), [newer])
  t.strictSame(await ids('to=2026-01-05T13:00:00Z'), [older])
  for (const query of [`account=${acc[1]}`, 'folder=inbox', 'direction=in'])
    problemIn(t, await ask(path, query), 400, 'filters-conflict')
  const both = `/v1/messages?account=${acc[1]}&folder=inbox`
  problemIn(t, await ask(both, 'direction=in'), 400, 'filters-conflict')
})

t.test('figures beside the accounts are about those that the filters leave', async (t) => {
  const connected = async (query: string) => {
    const { json } = await ask('/v1/email-accounts', query)
    return (json as { figures: { connectedAccounts: number } }).figures.connectedAccounts
  }
  t.equal(await connected(''), 2)
  t.equal(await connected('limit=1'), 2, 'whatever the page')
  t.equal(await connected('owner=team'), 1)
  t.equal(await connected('search=box2'), 1)
  t.equal(await connected('provider=other'), 0)
})
