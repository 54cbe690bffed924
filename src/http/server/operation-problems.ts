import { definedCodes } from '../../domain/refusal.ts'

/** What the problems of an operation depend on. */
export type OperationFacts = {
  readonly id: string
  readonly method: string
  readonly isPublic: boolean
  readonly hasParams: boolean
  /** Names of its query parameters and headers. */
  readonly takes: ReadonlySet<string>
  /** `If-Match` is required. */
  readonly mustMatch: boolean
  readonly body: 'json' | 'bytes' | null
}

type Codes = readonly string[]

const unavailable = ['database-unavailable', 'event-log-unavailable', 'newer-version-needed']
/** Codes by status that any operation of this kind may answer. */
const common = ({
  method,
  isPublic,
  hasParams,
  takes,
  mustMatch,
  body,
}: OperationFacts): Record<number, Codes> => {
  const changes = method !== 'GET'
  // JSON is read, and refused, also where none is wanted.
  const readsJson = changes && body !== 'bytes'
  const isFormed = hasParams || takes.size > 0 || body !== null
  const repeats = takes.has('idempotency-key')
  const ifMatch = takes.has('if-match')
  return {
    400: [
      'bad-request',
      ...(isPublic ? [] : ['invalid-character', 'invalid-user', 'invalid-idempotency-key']),
      ...(isFormed ? ['invalid-request'] : []),
      ...(readsJson ? ['malformed-json'] : []),
      ...(body === 'bytes' ? ['empty-file'] : []),
      ...(takes.has('cursor') ? ['invalid-cursor'] : []),
      ...(takes.has('min_position') ? ['invalid-position'] : []),
      ...(ifMatch ? ['invalid-if-match'] : []),
    ],
    401: isPublic ? [] : ['not-authenticated'],
    403: isPublic ? [] : ['permission-missing', 'other-user', ...(changes ? ['access-level-too-low'] : [])],
    404: hasParams ? ['not-found'] : [],
    409: [...(changes ? ['conflict'] : []), ...(repeats ? ['idempotency-key-in-use'] : [])],
    412: ifMatch ? ['stale-version'] : [],
    413: changes ? ['body-too-large'] : [],
    414: hasParams || !isPublic ? ['url-too-long'] : [],
    415: readsJson ? ['unsupported-media-type'] : [],
    422: repeats ? ['idempotency-key-reused'] : [],
    428: mustMatch ? ['if-match-required'] : [],
    429: isPublic ? [] : ['too-many-requests', 'too-many-failed-sign-ins'],
    500: ['internal'],
    503: [...unavailable, ...(takes.has('min_position') ? ['not-caught-up'] : [])],
  }
}

const unreliable = ['content-damaged', 'content-missing']
const levelTooLow = ['access-level-too-low']
const notVisible = ['content-not-visible']
const ofAccount = ['not-your-account', 'account-disconnected']
const ofAccess = ['access-of-owner', 'last-full-access', 'too-many-members']
const ofMarkup = ['template-invalid', 'template-too-complex', 'unsafe-markup']
const ofVariables = ['unknown-variable', 'misplaced-variable']
const ofTemplate = ['not-your-template', 'user-required', ...ofMarkup, ...ofVariables]
const ofConnection = [
  'account-without-server',
  'password-missing',
  'password-and-token',
  'connection-test-failed',
  'credentials-missing',
  'sign-in-needed',
]
const ofMet = ['email-not-sent', 'message-not-read']
const ofDraft = ['draft-discarded', 'already-queued', 'attachment-missing', 'too-many-recipients']
const ofWriting = [
  ...ofAccount,
  ...ofDraft,
  ...ofMarkup,
  ...ofVariables,
  'account-missing',
  'not-your-template',
  'unknown-user',
]
const ofSending = [
  ...ofWriting,
  'account-paused',
  'account-receives-only',
  'account-sends-no-mail',
  'attachments-too-large',
  'header-control-character',
  'invalid-address',
  'no-recipient',
  'variable-without-value',
  'not-in-a-conversation',
]

const ofConversation = ['conversation-changed', 'thread-not-known-yet']

/** Codes that only some operations answer: those of 422 at once, others under their status. */
const particular: Readonly<Record<string, Codes | Readonly<Record<number, Codes>>>> = {
  createApiKey: {
    403: ['key-bound', 'permission-not-held'],
    404: ['not-found'],
    422: ['key-limited-and-bound', 'too-many-members'],
  },
  deleteApiKey: { 403: ['key-bound'], 422: ['last-managing-key'], 503: ['not-caught-up'] },
  listWebhookEndpoints: { 403: ['program-only'] },
  createWebhookEndpoint: { 403: ['program-only'], 422: ['too-many-webhook-endpoints'] },
  getWebhookEndpoint: { 403: ['program-only'] },
  changeWebhookEndpoint: { 403: ['program-only'] },
  deleteWebhookEndpoint: { 403: ['program-only'] },
  enableWebhookEndpoint: { 403: ['program-only'] },
  disableWebhookEndpoint: { 403: ['program-only'] },
  rotateSecretOfWebhookEndpoint: { 403: ['program-only'] },
  replayWebhookEndpoint: { 400: ['invalid-position'], 403: ['program-only'] },
  listWebhookEndpointDeliveries: { 403: ['program-only'] },
  getWebhookEndpointDelivery: { 403: ['program-only'] },
  resendWebhookEndpointDelivery: { 403: ['program-only'] },
  followEvents: { 400: ['invalid-position'] },
  putUser: ['unknown-time-zone'],
  putContact: ['contact-merged'],
  mergeContact: ['contact-merged', 'merged-into-itself', 'too-many-addresses'],
  importRecords: { 400: ['body-cut-off'], 408: ['request-timeout'], 415: ['unsupported-media-type'] },
  putOrganization: { 404: ['not-found'], 422: ['unknown-time-zone', 'account-sends-no-mail'] },
  putCompany: ['everybodys-domain'],
  createConnectionTest: ofConnection,
  createEmailAccount: [
    ...ofConnection,
    ...ofVariables,
    ...ofMarkup,
    'already-connected',
    'key-as-owner',
    'not-your-account',
  ],
  putEmailAccountAccessUser: ofAccess,
  deleteEmailAccountAccessUser: ofAccess,
  putEmailAccountAccessEveryone: ofAccess,
  deleteEmailAccountAccessEveryone: ofAccess,
  putEmailAccountOwner: ['already-connected', 'key-as-owner'],
  createUserHandover: {
    403: ['handover-of-others'],
    422: ['handover-to-oneself', 'key-as-owner'],
    503: ['not-caught-up'],
  },
  getEmailAccountFolders: {
    403: levelTooLow,
    422: [...ofAccount, 'account-receives-no-mail', 'mailbox-unavailable'],
  },
  changeEmailAccountSettings: ofAccount,
  putEmailAccountConnection: [...ofAccount, ...ofConnection, 'already-connected', 'provider-differs'],
  putEmailAccountSignature: [...ofAccount, ...ofVariables, ...ofMarkup],
  createEmailAccountConnectionTest: [...ofAccount, 'credentials-missing'],
  pauseEmailAccount: ofAccount,
  resumeEmailAccount: ofAccount,
  disconnectEmailAccount: ofAccount,
  putEmailAccountDefault: [...ofAccount, 'account-paused'],
  deleteEmailAccountDefault: ofAccount,
  previewEmailAccountSignature: [...ofAccount, ...ofVariables, ...ofMarkup],
  createEmailAccountExcludePattern: [...ofAccount, 'too-many-exclude-patterns'],
  deleteEmailAccountExcludePattern: ofAccount,
  createEmailAccountSyncRun: [...ofAccount, 'account-paused', 'account-receives-no-mail'],
  createEmailAccountSyncErrorsDismissal: ofAccount,
  createEmailAccountBackfill: ['account-disconnected', 'account-receives-no-mail', 'backfill-in-future'],
  pauseEmailAccountBackfill: ['account-disconnected', 'account-receives-no-mail', 'backfill-over'],
  resumeEmailAccountBackfill: ['account-disconnected', 'account-receives-no-mail', 'backfill-over'],
  listEmailAccountThreadChanges: { 403: levelTooLow },
  mergeThread: ['same-thread', 'thread-of-other-account'],
  splitThread: ['message-not-in-thread', 'whole-thread'],
  createSignIn: [
    ...ofAccount,
    'key-as-owner',
    'provider-differs',
    'return-not-allowed',
    'sign-in-needs-user',
    'sign-in-not-offered',
    'sign-in-not-set-up',
    'unknown-permission',
  ],
  completeSignIn: [
    ...ofAccount,
    'key-as-owner',
    'access-missing',
    'already-connected',
    'connection-test-failed',
    'other-mailbox',
    'sign-in-expired',
    'sign-in-not-finished',
  ],
  listMessages: { 400: ['account-required', 'filters-conflict'], 404: ['not-found'] },
  searchMessages: { 400: ['nothing-to-search', 'search-too-broad'] },
  getMessageBody: { 404: notVisible, 422: ['message-unreadable'], 500: unreliable },
  getMessageBodyHtml: { 404: notVisible, 422: ['message-unreadable'], 500: unreliable },
  getMessageRaw: { 404: notVisible, 500: unreliable },
  getMessageAttachment: { 404: notVisible, 500: unreliable },
  createAttachment: { 415: ['unsupported-media-type'], 429: ['too-many-uploads'] },
  getEmailRaw: { 500: unreliable },
  retryMessage: [...ofAccount, 'account-paused', 'message-not-quarantined', 'unknown-message'],
  skipMessage: [...ofAccount, 'message-not-quarantined', 'unknown-message'],
  listTimeline: { 400: ['one-timeline'], 404: ['not-found'] },
  listTimelineChanges: { 400: ['one-timeline'] },
  createTimelineEntry: { 404: ['not-found'] },
  deleteMessage: ['account-disconnected', 'account-receives-no-mail', ...ofMet],
  restoreMessage: { 409: ['message-erased'], 422: ofMet },
  showMessage: ofMet,
  undoMessageShow: ofMet,
  createTemplate: ofTemplate,
  changeTemplate: ofTemplate,
  deleteTemplate: ['not-your-template'],
  previewTemplate: ['not-your-template', 'not-your-account', ...ofMarkup],
  createDraft: { 404: ['not-found'], 422: ofWriting },
  changeDraft: [...ofAccount, ...ofDraft, 'account-missing', 'not-your-template'],
  deleteDraft: ['draft-discarded', 'already-queued'],
  previewDraft: ofWriting,
  sendEmail: {
    404: ['not-found'],
    409: [...ofConversation, 'conversation-merged'],
    412: ['stale-version'],
    422: ofSending,
  },
  cancelEmail: ['not-queued', 'too-late-to-cancel'],
  putNotificationRead: ['user-required'],
  putNotificationsRead: ['user-required'],
  settleEmail: {
    409: [...ofConversation, 'conversation-merged'],
    422: ['nothing-to-settle', 'nothing-to-retry', 'overdue', 'not-in-a-conversation', ...ofAccount],
  },
  putConversationStatus: { 409: ['conversation-merged'] },
  snoozeConversation: { 409: ['conversation-merged'], 422: ['snoozed-into-the-past'] },
  putConversationAssignee: { 409: ['conversation-merged'], 422: ['assignee-has-no-access'] },
  createConversationTag: { 409: ['conversation-merged'], 422: ['too-many-tags'] },
  deleteConversationTag: { 409: ['conversation-merged'] },
  listConversations: ['user-required'],
  putConversationPresence: ['user-required'],
  putConversationRead: { 409: ['conversation-merged'], 422: ['user-required'] },
  deleteConversationRead: { 409: ['conversation-merged'], 422: ['user-required'] },
  createConversationNote: { 409: ['conversation-merged'] },
  deleteConversationNote: { 409: ['conversation-merged'], 422: ['not-your-note'] },
  getEmailAccountAssignmentRules: { 403: levelTooLow },
  putEmailAccountAssignmentRules: ['unknown-assignee'],
  dryRunEmailAccountAssignmentRules: ['unknown-assignee'],
  listConversationAssignments: { 403: levelTooLow },
  getOrganization: { 404: ['not-found'] },
  getAnalyticsEngagement: { 400: ['invalid-period'] },
  getReadiness: { 503: ['not-ready'] },
  skipProjectionParked: { 409: ['not-first-parked'] },
}

/** They ask the mailbox itself, and answer with what keeps it from answering. */
const askMailbox = new Set([
  'createEmailAccount',
  'getEmailAccountFolders',
  'putEmailAccountConnection',
  'completeSignIn',
  'createEmailAccountConnectionTest',
  'retryMessage',
])

/**
 * The codes of the problems that an operation may answer, by status.
 * @throws Error for one that is defined nowhere
 */
export const problemsOf = (facts: OperationFacts): ReadonlyMap<number, Codes> => {
  const own = particular[facts.id] ?? []
  const ofMailbox = askMailbox.has(facts.id)
    ? [...definedCodes.values()].filter(({ trouble }) => trouble !== undefined).map(({ code }) => code)
    : []
  const lists = [
    common(facts),
    Array.isArray(own) ? { 422: own as Codes } : (own as Record<number, Codes>),
    { 422: ofMailbox },
  ]
  const byStatus = new Map<number, Set<string>>()
  for (const [status, codes] of lists.flatMap((list) => Object.entries(list)))
    for (const code of codes) {
      if (!definedCodes.has(code))
        throw new Error(`${facts.id} names the code ${code}, which is defined nowhere`)
      byStatus.set(Number(status), (byStatus.get(Number(status)) ?? new Set()).add(code))
    }
  return new Map([...byStatus].map(([status, codes]) => [status, [...codes]]))
}
