import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { startWithPrivateMailbox, type Words } from '../../support/private-mailbox.ts'

// Every route, asked by six roles: a program that acts for nobody, the owner of an account, and a colleague to whom
// nothing, the metadata, the subject too, or everything is visible. Words stand in each part of the account's mail, and
// an answer has those that its level shows, and no others. A route that is not in a table fails: say what it tells whom
// before it goes out.

const words: Words = {
  subject: 'quokkasubject',
  body: 'wombatbody',
  attachment: 'dingofile',
  link: 'emulink',
  unsent: 'numbatdraft',
}
type Word = keyof Words
const wordNames = Object.keys(words) as Word[]
const levels = ['nothing', 'metadata', 'subject', 'everything'] as const
type Level = (typeof levels)[number]
const shownAt: Readonly<Record<Level, readonly Word[]>> = {
  nothing: [],
  metadata: [],
  subject: ['subject'],
  everything: ['subject', 'body', 'attachment', 'link'],
}

const world = await startWithPrivateMailbox(t, words)
const { app, account, template, draft, waiting, email, message, quarantined, thread } = world
const owner = app.clientOf('u1')

/** The link in the email is clicked, so that there is something to tell of it. */
const wire = (await app.ask('GET', `/v1/outbox/${email}/raw?form=wire`)).bytes.toString('latin1')
const [clicked] = /http[^"]*\/t\/c\/[\w.~-]+/.exec(wire.replaceAll('=\r\n', '').replaceAll('=3D', '=')) ?? []
await fetch(clicked ?? '', { redirect: 'manual', headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux)' } })
type Report = { activity: { event: string }[] }
await until(
  'The click',
  () => owner.get<Report>(`/v1/outbox/${email}/tracking`),
  ({ activity }) => activity.some(({ event }) => event === 'clicked'),
)
type Events = { data: { data: { messageId: string } }[] }
const drafts = await owner.get<Events>(`/v1/audit/events?account=${account}&type=MessageDraftSynced`)
const mailboxDraft = drafts.data[0]!.data.messageId

/**
 * Who is told of what. `level`: of one thing, at this level and above, and otherwise it is not there; `list`: as far as
 * it is visible. `own`: of one thing, and `own-list`: of several, only whoever may use the account. `nobody`: nothing of
 * any mail. `tells`: the words that it has for whoever sees everything.
 */
type Reading = { readonly paths: readonly string[]; readonly tells: readonly Word[] } & (
  | { readonly to: 'level'; readonly least: Level }
  | { readonly to: 'list' | 'own' | 'own-list' | 'nobody' }
)
const level = (least: Level, tells: readonly Word[], ...paths: string[]): Reading => {
  return { to: 'level', least, tells, paths }
}
const list = (tells: readonly Word[], ...paths: string[]): Reading => ({ to: 'list', tells, paths })
const own = (tells: readonly Word[], ...paths: string[]): Reading => ({ to: 'own', tells, paths })
const ownList = (tells: readonly Word[], ...paths: string[]): Reading => ({ to: 'own-list', tells, paths })
const nobody = (...paths: string[]): Reading => ({ to: 'nobody', tells: [], paths })

const accountPath = `/v1/email-accounts/${account}`
const messagePath = `/v1/messages/${message}`
const emailPath = `/v1/outbox/${email}`
const conversationPath = `/v1/conversations/${thread}`
const endpointPath = '/v1/webhook-endpoints/whk_00000000000000000000000000'
const readings: Readonly<Record<string, readonly Reading[]>> = {
  '/health': [nobody('/health')],
  '/health/ready': [nobody('/health/ready')],
  '/docs': [nobody('/docs')],
  '/docs/json': [nobody('/docs/json')],
  '/docs/yaml': [nobody('/docs/yaml')],
  '/docs/static/*': [nobody('/docs/static/swagger-ui.css')],
  '/docs/static/index.html': [nobody('/docs/static/index.html')],
  '/docs/static/swagger-initializer.js': [nobody('/docs/static/swagger-initializer.js')],
  '/problems': [nobody('/problems')],
  '/problems/:code': [nobody('/problems/content-not-visible')],
  '/oauth/start/:link': [nobody('/oauth/start/x')],
  '/oauth/callback': [nobody('/oauth/callback')],
  '/t/o/:token': [nobody('/t/o/x')],
  '/t/c/:token': [nobody('/t/c/x')],
  '/metrics': [nobody('/metrics')],
  '/v1/event-log': [nobody('/v1/event-log?at=2026-01-05T12:00:00Z')],
  '/v1/projections': [nobody('/v1/projections')],
  '/v1/projections/:name/parked': [nobody('/v1/projections/messages/parked')],
  '/v1/feed': [nobody('/v1/feed')],
  '/v1/template-variables': [nobody('/v1/template-variables')],
  '/v1/providers': [nobody('/v1/providers')],
  '/v1/directory/users': [nobody('/v1/directory/users')],
  '/v1/directory/users/:id': [nobody('/v1/directory/users/u1')],
  '/v1/directory/contacts': [nobody('/v1/directory/contacts')],
  '/v1/directory/contacts/:id': [nobody('/v1/directory/contacts/c1')],
  '/v1/directory/companies': [nobody('/v1/directory/companies')],
  '/v1/directory/companies/:id': [nobody('/v1/directory/companies/c1')],
  '/v1/directory/deals': [nobody('/v1/directory/deals')],
  '/v1/directory/deals/:id': [nobody('/v1/directory/deals/d1')],
  '/v1/directory/organization': [nobody('/v1/directory/organization')],
  '/v1/api-keys': [nobody('/v1/api-keys')],
  '/v1/webhook-endpoints': [nobody('/v1/webhook-endpoints')],
  '/v1/webhook-endpoints/:id': [nobody(endpointPath)],
  '/v1/webhook-endpoints/:id/deliveries': [nobody(`${endpointPath}/deliveries`)],
  '/v1/webhook-endpoints/:id/deliveries/:eventId': [
    nobody(`${endpointPath}/deliveries/00000000-0000-4000-8000-000000000000`),
  ],
  '/v1/templates': [nobody('/v1/templates')],
  '/v1/templates/:id': [nobody(`/v1/templates/${template}`)],
  '/v1/templates/:id/versions/:version': [nobody(`/v1/templates/${template}/versions/1`)],
  '/v1/sign-ins/:id': [nobody('/v1/sign-ins/sin_00000000000000000000000000')],
  '/v1/email-accounts': [nobody('/v1/email-accounts', '/v1/email-accounts?include_disconnected=true')],
  '/v1/email-accounts/:id': [own([], accountPath)],
  '/v1/email-accounts/:id/folders': [own([], `${accountPath}/folders`)],
  '/v1/email-accounts/:id/sync-status': [own([], `${accountPath}/sync-status`)],
  '/v1/email-accounts/:id/sync-runs': [own([], `${accountPath}/sync-runs`)],
  '/v1/email-accounts/:id/sync-runs/:number': [own([], `${accountPath}/sync-runs/1`)],
  '/v1/email-accounts/:id/sync-errors': [own([], `${accountPath}/sync-errors`)],
  '/v1/messages': [
    list(
      ['subject', 'body', 'link'],
      `/v1/messages?account=${account}`,
      `/v1/messages?account=${account}&direction=out`,
    ),
    list(['subject', 'body'], `/v1/messages?account=${account}&direction=in`),
    list(['subject', 'body', 'unsent'], `/v1/messages?account=${account}&folder=inbox`),
    level('metadata', ['subject', 'body'], `/v1/messages?thread=${thread}`),
  ],
  '/v1/timeline': [
    list(['subject', 'link'], `/v1/timeline?account=${account}&verdict=any`),
    level('metadata', ['subject'], `/v1/timeline?thread=${thread}`),
  ],
  '/v1/timeline/changes': [
    list(
      ['subject', 'link'],
      `/v1/timeline/changes?account=${account}&verdict=any&limit=200&since=p:${'0'.repeat(20)}`,
    ),
  ],
  '/v1/timeline-entries/:id': [nobody('/v1/timeline-entries/tle_00000000000000000000000000')],
  '/v1/search': [list(['subject', 'body', 'link'], `/v1/search?q=acme.test`)],
  '/v1/messages/:id': [
    level('metadata', ['subject', 'body', 'attachment'], messagePath),
    level('metadata', ['subject', 'body', 'attachment', 'link'], `/v1/messages/${email}`),
    own(['unsent'], `/v1/messages/${mailboxDraft}`, `/v1/messages/${waiting}`),
    own([], `/v1/messages/${quarantined}`),
  ],
  '/v1/messages/:id/body': [
    level('everything', [], `${messagePath}/body`),
    level('everything', ['body', 'link'], `/v1/messages/${email}/body`),
    own(['unsent'], `/v1/messages/${mailboxDraft}/body`, `/v1/messages/${waiting}/body`),
  ],
  '/v1/messages/:id/body/html': [
    level('everything', ['body', 'link'], `${messagePath}/body/html`, `/v1/messages/${email}/body/html`),
    own(['unsent'], `/v1/messages/${waiting}/body/html`),
  ],
  '/v1/messages/:id/raw': [
    level('everything', ['subject', 'body', 'attachment', 'link'], `${messagePath}/raw`),
    own(['unsent'], `/v1/messages/${mailboxDraft}/raw`, `/v1/messages/${waiting}/raw`),
    own([], `/v1/messages/${quarantined}/raw`),
  ],
  '/v1/messages/:id/attachments/:index': [
    level(
      'everything',
      ['body', 'attachment'],
      `${messagePath}/attachments/0`,
      `/v1/messages/${email}/attachments/0`,
    ),
  ],
  '/v1/messages/:id/links': [
    level('metadata', [], `${messagePath}/links`, `/v1/messages/${email}/links`),
    own([], `/v1/messages/${waiting}/links`),
  ],
  '/v1/conversations': [nobody('/v1/conversations', `/v1/conversations?accountId=${account}`)],
  '/v1/conversations/:id': [nobody(`/v1/conversations/${thread}`)],
  '/v1/conversations/:id/history': [nobody(`/v1/conversations/${thread}/history`)],
  '/v1/conversations/:id/notes': [nobody(`/v1/conversations/${thread}/notes`)],
  '/v1/email-accounts/:id/conversation-counts': [own([], `${accountPath}/conversation-counts`)],
  '/v1/link-suggestions': [ownList([], '/v1/link-suggestions', `/v1/link-suggestions?account=${account}`)],
  '/v1/link-runs': [nobody('/v1/link-runs')],
  '/v1/email-accounts/:id/linked': [own([], `${accountPath}/linked`)],
  '/v1/email-accounts/:id/deleted-messages': [own([], `${accountPath}/deleted-messages`)],
  '/v1/email-accounts/:id/hidden-messages': [own([], `${accountPath}/hidden-messages`)],
  '/v1/email-accounts/:id/exclude-patterns': [own([], `${accountPath}/exclude-patterns`)],
  '/v1/threads': [list(['subject', 'body', 'link'], `/v1/threads?account=${account}`)],
  '/v1/threads/:id': [level('metadata', ['subject', 'body'], `/v1/threads/${thread}`)],
  '/v1/threads/:id/suggestions': [level('metadata', [], `/v1/threads/${thread}/suggestions`)],
  '/v1/email-accounts/:id/thread-changes': [own([], `${accountPath}/thread-changes`)],
  '/v1/drafts': [ownList(['unsent'], '/v1/drafts', `/v1/drafts?account=${account}`)],
  '/v1/drafts/:id': [own(['unsent'], `/v1/drafts/${draft}`)],
  '/v1/outbox': [
    list(
      ['subject', 'body', 'link', 'unsent'],
      '/v1/outbox',
      `/v1/outbox?account=${account}`,
      '/v1/outbox?user=u1',
    ),
    list(['subject', 'body', 'link'], '/v1/outbox?state=sent', `/v1/outbox?template=${template}`),
    ownList(['unsent'], '/v1/outbox?state=scheduled'),
  ],
  '/v1/outbox/:id': [
    level('metadata', ['subject', 'body', 'link'], emailPath),
    own(['unsent'], `/v1/outbox/${waiting}`),
  ],
  '/v1/outbox/:id/raw': [
    level(
      'everything',
      ['subject', 'body', 'attachment', 'link'],
      `${emailPath}/raw`,
      `${emailPath}/raw?form=wire`,
    ),
    own(['unsent'], `/v1/outbox/${waiting}/raw`),
  ],
  '/v1/outbox/:id/tracking': [
    level('metadata', ['subject', 'link'], `${emailPath}/tracking`),
    own(['unsent'], `/v1/outbox/${waiting}/tracking`),
  ],
  '/v1/analytics/engagement': [
    nobody('/v1/analytics/engagement', `/v1/analytics/engagement?account=${account}`),
  ],
  '/v1/audit/events': [
    ownList(wordNames, '/v1/audit/events?limit=200', `/v1/audit/events?account=${account}&limit=200`),
    ownList(['subject', 'body', 'attachment', 'link'], `/v1/audit/events?email=${email}`),
    ownList(['subject', 'body', 'attachment'], `/v1/audit/events?message=${message}`),
    ownList(['subject', 'body', 'attachment'], `/v1/audit/events?thread=${thread}`),
  ],
  '/v1/audit/replay': [ownList(wordNames, `/v1/audit/replay?account=${account}&limit=200`)],
}

/** What changes something of the account, or reads it in a POST: not there for a colleague, whatever is visible. */
type Change = { readonly path: string; readonly body?: object }
const writing = { accountId: account, to: [{ address: 'mia@client.test' }], subject: 'x', html: '<p>x</p>' }
const login = { host: '127.0.0.1', username: 'x', password: 'x' }
const connection = { provider: 'imap-smtp', smtp: { ...login, port: 587 }, imap: null }
const changes: Readonly<Record<string, readonly Change[]>> = {
  'PATCH /v1/email-accounts/:id/settings': [
    { path: `${accountPath}/settings`, body: { visibility: 'everything' } },
  ],
  'PUT /v1/email-accounts/:id/connection': [{ path: `${accountPath}/connection`, body: { connection } }],
  'PUT /v1/email-accounts/:id/signature': [{ path: `${accountPath}/signature`, body: { html: '<p>x</p>' } }],
  'POST /v1/email-accounts/:id/signature/preview': [{ path: `${accountPath}/signature/preview`, body: {} }],
  'POST /v1/email-accounts/:id/connection-tests': [{ path: `${accountPath}/connection-tests` }],
  'POST /v1/email-accounts/:id/pause': [{ path: `${accountPath}/pause`, body: {} }],
  'POST /v1/email-accounts/:id/resume': [{ path: `${accountPath}/resume` }],
  'POST /v1/email-accounts/:id/disconnect': [{ path: `${accountPath}/disconnect`, body: {} }],
  'PUT /v1/email-accounts/:id/default': [{ path: `${accountPath}/default` }],
  'DELETE /v1/email-accounts/:id/default': [{ path: `${accountPath}/default` }],
  'POST /v1/email-accounts/:id/exclude-patterns': [
    { path: `${accountPath}/exclude-patterns`, body: { pattern: '*' } },
  ],
  'DELETE /v1/email-accounts/:id/exclude-patterns/:pattern': [{ path: `${accountPath}/exclude-patterns/x` }],
  'POST /v1/email-accounts/:id/exclude-patterns/preview': [
    { path: `${accountPath}/exclude-patterns/preview`, body: {} },
  ],
  'POST /v1/email-accounts/:id/exclude-patterns/apply': [{ path: `${accountPath}/exclude-patterns/apply` }],
  'POST /v1/email-accounts/:id/sync-runs': [{ path: `${accountPath}/sync-runs` }],
  'POST /v1/email-accounts/:id/sync-errors/dismissals': [
    { path: `${accountPath}/sync-errors/dismissals`, body: { folder: 'INBOX', ref: '1' } },
  ],
  'POST /v1/email-accounts/:id/backfill': [
    { path: `${accountPath}/backfill`, body: { since: '2024-01-01T00:00:00Z' } },
  ],
  'POST /v1/email-accounts/:id/backfill/pause': [{ path: `${accountPath}/backfill/pause` }],
  'POST /v1/email-accounts/:id/backfill/resume': [{ path: `${accountPath}/backfill/resume` }],
  'POST /v1/email-accounts/:id/thread-changes/:change/undo': [
    { path: `${accountPath}/thread-changes/1/undo` },
  ],
  'POST /v1/threads/:id/merge': [{ path: `/v1/threads/${thread}/merge`, body: { thread } }],
  'POST /v1/threads/:id/split': [{ path: `/v1/threads/${thread}/split`, body: { messages: [message] } }],
  'PUT /v1/conversations/:id/status': [{ path: `${conversationPath}/status`, body: { status: 'open' } }],
  'POST /v1/conversations/:id/snooze': [
    { path: `${conversationPath}/snooze`, body: { until: '2100-01-01T00:00:00Z' } },
  ],
  'PUT /v1/conversations/:id/assignee': [{ path: `${conversationPath}/assignee`, body: { userId: null } }],
  'POST /v1/conversations/:id/tags': [{ path: `${conversationPath}/tags`, body: { tag: 'x' } }],
  'DELETE /v1/conversations/:id/tags/:tag': [{ path: `${conversationPath}/tags/x` }],
  'PUT /v1/conversations/:id/read': [{ path: `${conversationPath}/read` }],
  'DELETE /v1/conversations/:id/read': [{ path: `${conversationPath}/read` }],
  'POST /v1/conversations/:id/notes': [{ path: `${conversationPath}/notes`, body: { text: 'x' } }],
  'DELETE /v1/conversations/:id/notes/:noteId': [
    { path: `${conversationPath}/notes/not_00000000000000000000000000` },
  ],
  'POST /v1/messages/:id/retry': [{ path: `/v1/messages/${quarantined}/retry` }],
  'POST /v1/messages/:id/skip': [{ path: `/v1/messages/${quarantined}/skip` }],
  'PUT /v1/messages/:id/links/:kind/:recordId': [{ path: `${messagePath}/links/contact/c1` }],
  'DELETE /v1/messages/:id/links/:kind/:recordId': [{ path: `${messagePath}/links/contact/c1` }],
  'POST /v1/messages/:id/links/:kind/:recordId/undo': [{ path: `${messagePath}/links/contact/c1/undo` }],
  'POST /v1/link-suggestions/:id/accept': [
    { path: `/v1/link-suggestions/${message}.contact.c1/accept`, body: {} },
  ],
  'POST /v1/link-suggestions/:id/reject': [
    { path: `/v1/link-suggestions/${message}.contact.c1/reject`, body: {} },
  ],
  'DELETE /v1/messages/:id': [{ path: messagePath }],
  'POST /v1/messages/:id/restore': [{ path: `${messagePath}/restore` }],
  'POST /v1/messages/:id/show': [{ path: `${messagePath}/show` }],
  'POST /v1/messages/:id/show/undo': [{ path: `${messagePath}/show/undo` }],
  'POST /v1/drafts': [
    { path: '/v1/drafts', body: writing },
    { path: '/v1/drafts', body: { replyTo: { kind: 'message', id: message } } },
    { path: '/v1/drafts', body: { replyTo: { kind: 'email', id: email } } },
  ],
  'PATCH /v1/drafts/:id': [{ path: `/v1/drafts/${draft}`, body: { subject: 'x' } }],
  'DELETE /v1/drafts/:id': [{ path: `/v1/drafts/${draft}` }],
  'POST /v1/drafts/:id/preview': [{ path: `/v1/drafts/${draft}/preview` }],
  'POST /v1/outbox': [
    { path: '/v1/outbox', body: { email: writing } },
    { path: '/v1/outbox', body: { draftId: draft } },
  ],
  'POST /v1/outbox/:id/cancellation': [{ path: `/v1/outbox/${waiting}/cancellation` }],
  'POST /v1/outbox/:id/settlement': [{ path: `${emailPath}/settlement`, body: { decision: 'give-up' } }],
  'PATCH /v1/templates/:id': [{ path: `/v1/templates/${template}`, body: { name: 'x' } }],
  'DELETE /v1/templates/:id': [{ path: `/v1/templates/${template}` }],
  'POST /v1/templates/:id/preview': [{ path: `/v1/templates/${template}/preview`, body: {} }],
}
/** What changes nothing of an account that is there, and tells nothing of its mail. */
const apart = [
  'POST /v1/connection-tests',
  'POST /v1/email-accounts',
  'POST /v1/providers/discover',
  'POST /v1/sign-ins',
  'POST /v1/sign-ins/:id/complete',
  'POST /v1/hints/:provider',
  'POST /v1/attachments',
  'POST /v1/templates',
  'POST /v1/api-keys',
  'DELETE /v1/api-keys/:id',
  'POST /v1/webhook-endpoints',
  ...['PATCH', 'DELETE'].map((method) => `${method} /v1/webhook-endpoints/:id`),
  ...['enable', 'disable', 'rotate-secret', 'replay', 'deliveries/:eventId/resend'].map(
    (action) => `POST /v1/webhook-endpoints/:id/${action}`,
  ),
  'PUT /v1/directory/organization',
  'POST /v1/directory/contacts/:id/merge',
  'POST /v1/timeline-entries',
  'PATCH /v1/timeline-entries/:id',
  'DELETE /v1/timeline-entries/:id',
  'POST /v1/directory/imports',
  'POST /v1/link-previews',
  'POST /v1/sender-assignments',
  ...['users', 'contacts', 'companies', 'deals'].flatMap((kind) => [
    `PUT /v1/directory/${kind}/:id`,
    `DELETE /v1/directory/${kind}/:id`,
  ]),
  'POST /v1/projections/:name/parked/:stream/retry',
  'POST /v1/projections/:name/parked/:stream/skip',
]

t.test('every route is in a table, and no other', async (t) => {
  const methodsOf = ({ method, url }: (typeof app.routes)[number]) =>
    method.split(' ').flatMap((each) => (each === 'HEAD' || each === 'OPTIONS' ? [] : [`${each} ${url}`]))
  const known = [...Object.keys(readings).map((url) => `GET ${url}`), ...Object.keys(changes), ...apart]
  t.strictSame([...new Set(app.routes.flatMap(methodsOf))].toSorted(), known.toSorted())
})

type Asking = { readonly headers?: Readonly<Record<string, string>> }
const colleague: Asking = { headers: { 'mailtrail-user': 'u2' } }

const ask = async (method: string, path: string, asking: Asking & { readonly body?: object }) => {
  const answer = await until(
    path,
    () => app.ask(method, path, asking),
    ({ status }) => status !== 503,
  )
  // In quoted-printable a line may be broken within a word.
  const text = answer.bytes.toString('latin1').replaceAll('=\r\n', '')
  const all = `${text}\n${[...answer.headers.values()].join('\n')}`
  const found = wordNames.filter((word) => formsOf(words[word]).some((form) => all.includes(form)))
  return { status: answer.status, found }
}

/** A word as it is, and as it stands in base64 wherever it begins. */
const formsOf = (word: string): string[] => [
  word,
  ...[0, 1, 2].map((before) => {
    const bytes = Buffer.from(`${'\0'.repeat(before)}${word}`)
    const from = before === 0 ? 0 : 4
    return bytes
      .subarray(0, bytes.length - (bytes.length % 3))
      .toString('base64')
      .slice(from)
  }),
]

/** Whoever may use the account; a personal template is no program's. */
const insiders: Readonly<Record<string, Asking>> = {
  'a program': {},
  'the owner': { headers: { 'mailtrail-user': 'u1' } },
}
for (const [url, rules] of Object.entries(readings)) {
  t.test(`GET ${url} tells all to a program and to the owner`, async (t) => {
    for (const [who, asking] of Object.entries(insiders))
      for (const { to, paths, tells } of rules)
        for (const path of paths) {
          const { status, found } = await ask('GET', path, asking)
          t.strictSame(found.toSorted(), [...tells].toSorted(), `${path} to ${who}`)
          if (to !== 'nobody') t.equal(status, 200, `${path} to ${who}`)
        }
  })
}

/** @returns the position of the change */
const choose = async (chosen: Level | null): Promise<string> => {
  const { headers } = await app.ask('GET', accountPath)
  const ifMatch = { 'if-match': headers.get('etag') ?? '' }
  const { position } = await owner.send('PATCH', `${accountPath}/settings`, { visibility: chosen }, ifMatch)
  return position ?? ''
}

for (const visible of levels) {
  const isVisible = (least: Level) => levels.indexOf(visible) >= levels.indexOf(least)
  t.test(`to a colleague ${visible} is visible`, async (t) => {
    const position = await choose(visible)
    for (const [url, rules] of Object.entries(readings))
      for (const rule of rules)
        for (const path of rule.paths) {
          const asked = url.startsWith('/v1/')
            ? `${path}${path.includes('?') ? '&' : '?'}min_position=${position}`
            : path
          const { status, found } = await ask('GET', asked, colleague)
          const isThere = rule.to === 'level' ? isVisible(rule.least) : rule.to !== 'own'
          if (rule.to !== 'nobody') t.equal(status, isThere ? 200 : 404, path)
          const isTold = rule.to === 'list' || (rule.to === 'level' && isThere)
          const told = isTold ? rule.tells.filter((word) => shownAt[visible].includes(word)) : []
          t.strictSame(found.toSorted(), told.toSorted(), path)
        }
    for (const [route, each] of Object.entries(changes))
      for (const { path, body } of each) {
        const headers = { ...colleague.headers, 'if-match': '*' }
        const asked = body === undefined ? { headers } : { headers, body }
        t.strictSame(await ask(route.split(' ')[0]!, path, asked), { status: 404, found: [] }, route)
      }
  })
}

t.test(
  'an account that chooses nothing follows the organisation, and no account goes below its floor',
  async (t) => {
    const colleagueClient = app.clientOf('u2')
    type Messages = { data: { visibility: Level }[] }
    type Analytics = { totals: { sent: number } }
    const seen = async (chosen: Level | null, policy: object) => {
      await app.client.send('PUT', '/v1/directory/organization', { name: 'Acme', ...policy })
      const after = `min_position=${await choose(chosen)}`
      const { data } = await colleagueClient.get<Messages>(`/v1/messages?account=${account}&${after}`)
      const { totals } = await colleagueClient.get<Analytics>(`/v1/analytics/engagement?${after}`)
      return [data[0]?.visibility ?? 'nothing', totals.sent]
    }
    const open = { visibilityDefault: 'subject', visibilityFloor: 'metadata' }
    t.strictSame(await seen(null, {}), ['nothing', 0])
    t.strictSame(await seen(null, open), ['subject', 1])
    t.strictSame(await seen('everything', open), ['everything', 1])
    t.strictSame(await seen('nothing', open), ['metadata', 1])
  },
)
