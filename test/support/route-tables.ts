import type { startWithPrivateMailbox, Words } from './private-mailbox.ts'

// Every route of the service, and what it tells whom of a user's mail. Words stand in each part of the account's mail, and
// an answer has those that its level shows, and no others. A route that is not in a table fails: say what it tells whom
// before it goes out.

export const words: Words = {
  subject: 'quokkasubject',
  body: 'wombatbody',
  attachment: 'dingofile',
  link: 'emulink',
  unsent: 'numbatdraft',
}
export type Word = keyof Words
export const wordNames = Object.keys(words) as Word[]
export const levels = ['nothing', 'metadata', 'subject', 'everything'] as const
export type Level = (typeof levels)[number]
export const shownAt: Readonly<Record<Level, readonly Word[]>> = {
  nothing: [],
  metadata: [],
  subject: ['subject'],
  everything: ['subject', 'body', 'attachment', 'link'],
}

/**
 * Who is told of what. `level`: of one thing, at this level and above, and otherwise it is not there; `list`: as far as
 * it is visible. `own`: of one thing, and `own-list`: of several, only whoever may use the account. `nobody`: nothing of
 * any mail. `tells`: the words that it has for whoever sees everything.
 */
export type Reading = { readonly paths: readonly string[]; readonly tells: readonly Word[] } & (
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

type World = Pick<
  Awaited<ReturnType<typeof startWithPrivateMailbox>>,
  'account' | 'template' | 'draft' | 'waiting' | 'email' | 'message' | 'quarantined' | 'thread'
> & { readonly mailboxDraft: string }

/** What changes something of the account, or reads it in a POST: not there for a colleague, whatever is visible. */
type Change = { readonly path: string; readonly body?: object }

/** The tables for this world. `apart`: what changes nothing of an account that is there, and tells nothing of its mail. */
export const routeTables = ({
  account,
  template,
  draft,
  waiting,
  email,
  message,
  quarantined,
  thread,
  mailboxDraft,
}: World) => {
  const accountPath = `/v1/email-accounts/${account}`
  const messagePath = `/v1/messages/${message}`
  const emailPath = `/v1/outbox/${email}`
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
    '/v1/email-accounts/:id/access': [
      own([], `${accountPath}/access`, `${accountPath}/access?at=2999-01-01T00:00:00Z`),
    ],
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
    '/v1/notifications': [nobody('/v1/notifications')],
    '/v1/users/:userId/notification-settings': [nobody('/v1/users/u1/notification-settings')],
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
    '/v1/link-suggestions': [ownList([], '/v1/link-suggestions', `/v1/link-suggestions?account=${account}`)],
    '/v1/link-runs': [nobody('/v1/link-runs')],
    '/v1/email-accounts/:id/assignment-rules': [own([], `${accountPath}/assignment-rules`)],
    '/v1/users/:userId/availability': [nobody('/v1/users/u1/availability')],
    '/v1/conversations/:id/assignments': [
      nobody('/v1/conversations/thr_00000000000000000000000000/assignments'),
    ],
    '/v1/email-accounts/:id/linked': [own([], `${accountPath}/linked`)],
    '/v1/email-accounts/:id/deleted-messages': [own([], `${accountPath}/deleted-messages`)],
    '/v1/email-accounts/:id/hidden-messages': [own([], `${accountPath}/hidden-messages`)],
    '/v1/email-accounts/:id/exclude-patterns': [own([], `${accountPath}/exclude-patterns`)],
    '/v1/conversations': [nobody('/v1/conversations', `/v1/conversations?accountId=${account}`)],
    '/v1/conversations/:id': [nobody(`/v1/conversations/${thread}`)],
    '/v1/conversations/:id/history': [nobody(`/v1/conversations/${thread}/history`)],
    '/v1/conversations/:id/notes': [nobody(`/v1/conversations/${thread}/notes`)],
    '/v1/conversations/:id/presence': [nobody(`/v1/conversations/${thread}/presence`)],
    '/v1/email-accounts/:id/conversation-counts': [own([], `${accountPath}/conversation-counts`)],
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

  const writing = { accountId: account, to: [{ address: 'mia@client.test' }], subject: 'x', html: '<p>x</p>' }
  const login = { host: '127.0.0.1', username: 'x', password: 'x' }
  const connection = { provider: 'imap-smtp', smtp: { ...login, port: 587 }, imap: null }
  const rules = { rules: [{ kind: 'manual' }], keepRepliesHours: 24 }
  const changes: Readonly<Record<string, readonly Change[]>> = {
    'PATCH /v1/email-accounts/:id/settings': [
      { path: `${accountPath}/settings`, body: { visibility: 'everything' } },
    ],
    'PUT /v1/email-accounts/:id/access/users/:userId': [
      { path: `${accountPath}/access/users/u2`, body: { level: 'full' } },
    ],
    'DELETE /v1/email-accounts/:id/access/users/:userId': [{ path: `${accountPath}/access/users/u9` }],
    'PUT /v1/email-accounts/:id/access/everyone': [
      { path: `${accountPath}/access/everyone`, body: { level: 'read' } },
    ],
    'DELETE /v1/email-accounts/:id/access/everyone': [{ path: `${accountPath}/access/everyone` }],
    'PUT /v1/email-accounts/:id/assignment-rules': [{ path: `${accountPath}/assignment-rules`, body: rules }],
    'POST /v1/email-accounts/:id/assignment-rules/dry-run': [
      { path: `${accountPath}/assignment-rules/dry-run`, body: rules },
    ],
    'PUT /v1/email-accounts/:id/owner': [
      { path: `${accountPath}/owner`, body: { kind: 'user', userId: 'u2' } },
    ],
    'PUT /v1/email-accounts/:id/connection': [{ path: `${accountPath}/connection`, body: { connection } }],
    'PUT /v1/email-accounts/:id/signature': [
      { path: `${accountPath}/signature`, body: { html: '<p>x</p>' } },
    ],
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
    'DELETE /v1/email-accounts/:id/exclude-patterns/:pattern': [
      { path: `${accountPath}/exclude-patterns/x` },
    ],
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
      // Not sent before the tests are over, however slow the machine.
      { path: '/v1/outbox', body: { email: writing, scheduledAt: '2100-01-01T00:00:00Z' } },
      { path: '/v1/outbox', body: { draftId: draft } },
    ],
    'POST /v1/outbox/:id/cancellation': [{ path: `/v1/outbox/${waiting}/cancellation` }],
    'POST /v1/outbox/:id/settlement': [{ path: `${emailPath}/settlement`, body: { decision: 'give-up' } }],
    'PATCH /v1/templates/:id': [{ path: `/v1/templates/${template}`, body: { name: 'x' } }],
    'DELETE /v1/templates/:id': [{ path: `/v1/templates/${template}` }],
    'POST /v1/templates/:id/preview': [{ path: `/v1/templates/${template}/preview`, body: {} }],
  }
  const apart = [
    'POST /v1/connection-tests',
    'POST /v1/users/:userId/handover',
    'PUT /v1/users/:userId/availability',
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
    'PUT /v1/notifications/:id/read',
    'PUT /v1/notifications/read',
    'PUT /v1/users/:userId/notification-settings',
    'PATCH /v1/timeline-entries/:id',
    'DELETE /v1/timeline-entries/:id',
    'POST /v1/directory/imports',
    'POST /v1/link-previews',
    'POST /v1/sender-assignments',
    ...['users', 'contacts', 'companies', 'deals'].flatMap((kind) => [
      `PUT /v1/directory/${kind}/:id`,
      `DELETE /v1/directory/${kind}/:id`,
    ]),
    // Its mail came before it was connected, and so is in no conversation: see conversations.test.ts.
    ...['PUT status', 'POST snooze', 'PUT assignee', 'POST tags', 'DELETE tags/:tag', 'POST notes'].map(
      (change) => change.replace(' ', ' /v1/conversations/:id/'),
    ),
    ...['DELETE notes/:noteId', 'PUT read', 'DELETE read', 'PUT presence'].map((change) =>
      change.replace(' ', ' /v1/conversations/:id/'),
    ),
    'POST /v1/projections/:name/parked/:stream/retry',
    'POST /v1/projections/:name/parked/:stream/skip',
  ]
  return { accountPath, messagePath, emailPath, readings, changes, apart }
}
