const accountId = 'acc_01jd8x4q6n3v5t7r9k2m4p6s8w'
const draftId = 'out_01jd8x5a7c9e2g4j6n8q1s3t5v'
const templateId = 'tpl_01jd8x6b8d1f3h5k7m9p2r4t6w'

const login = { username: 'ada@example.com', password: 'correct horse battery staple' }
const connection = {
  provider: 'imap-smtp',
  imap: { host: 'imap.example.com', port: 993, encryption: 'tls', ...login },
  smtp: { host: 'smtp.example.com', port: 465, encryption: 'tls', ...login },
}
const email = {
  accountId,
  to: [{ address: 'grace@example.org', name: 'Grace Hopper' }],
  subject: 'Your question of Tuesday',
  html: '<p>Hello {contact.first_name|there},</p><p>yes, we can.</p>{signature}',
  contactId: 'c-17',
}
const template = {
  name: 'First answer',
  subject: 'Your question, {contact.first_name|there}',
  body: { format: 'html', source: '<p>Hello {contact.first_name|there},</p>{signature}' },
}

const assignmentRules = {
  rules: [
    { kind: 'territory', territories: [{ territory: 'North', users: ['u-1', 'u-2'] }] },
    {
      kind: 'round-robin',
      members: [
        { userId: 'u-1', weight: 2, mostOpen: 40 },
        { userId: 'u-2', weight: 1, mostOpen: null },
      ],
    },
  ],
  keepRepliesHours: 24,
}

/** An example of the body of every operation that takes JSON, by the name of the operation. */
export const bodyExamples: Readonly<Record<string, unknown>> = {
  createApiKey: { name: 'CRM', scopes: ['accounts:read', 'messages:read', 'messages:send'] },
  putUser: {
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    title: 'Account manager',
    timeZone: 'Europe/London',
  },
  putContact: {
    firstName: 'Grace',
    lastName: 'Hopper',
    emails: ['grace@example.org', 'g.hopper@example.net'],
    companyId: 'co-3',
    ownerId: 'u-1',
    territory: 'North',
  },
  createWebhookEndpoint: {
    url: 'https://crm.example.com/hooks/mailtrail',
    description: 'CRM',
    types: ['EmailSent', 'OpenTracked'],
  },
  changeWebhookEndpoint: { types: ['EmailSent', 'OpenTracked', 'ClickTracked'] },
  rotateSecretOfWebhookEndpoint: { overlapHours: 24 },
  replayWebhookEndpoint: { after: null },
  mergeContact: { into: 'c-17' },
  putCompany: { name: 'Hopper & Partners', domains: ['example.org'], ownerId: 'u-1' },
  putDeal: {
    name: 'Renewal 2027',
    companyId: 'co-3',
    contactIds: ['c-17'],
    stage: 'Negotiation',
    amount: '€ 12,000',
  },
  putUserNotificationSettings: {
    kinds: [{ kind: 'new-email', channels: ['feed', 'mail'] }],
    accounts: [{ accountId, kinds: [{ kind: 'new-email', channels: [] }] }],
    digest: { isOn: true, hour: 8 },
  },
  putOrganization: { name: 'Example Ltd', timeZone: 'Europe/London', domains: ['example.com'] },
  discoverProviders: { address: 'ada@example.com' },
  createConnectionTest: { connection },
  createEmailAccount: {
    address: 'ada@example.com',
    owner: { kind: 'user', userId: 'u-1' },
    connection,
    settings: { displayName: 'Ada Lovelace', syncFrequencyMinutes: 5 },
  },
  putEmailAccountAccessUser: { level: 'send' },
  putEmailAccountAccessEveryone: { level: 'read' },
  putEmailAccountOwner: { kind: 'user', userId: 'u-1' },
  createUserHandover: { to: 'u-2' },
  changeEmailAccountSettings: { trackOpens: true, historyDays: 30 },
  putEmailAccountConnection: { connection },
  putEmailAccountSignature: { html: '<p>{user.name}<br>{organization.name}</p>' },
  previewEmailAccountSignature: { html: '<p>{user.name}</p>' },
  createEmailAccountExcludePattern: { pattern: '*@news.example.net', match: 'sender' },
  previewEmailAccountExcludePatterns: { add: [{ pattern: '*@lawyer.example.net', match: 'participant' }] },
  pauseEmailAccount: { reason: 'On parental leave until May' },
  disconnectEmailAccount: { reason: 'Left the company' },
  createEmailAccountSyncErrorsDismissal: { folder: 'INBOX', ref: '1:4711' },
  createEmailAccountBackfill: { since: '2024-01-01T00:00:00Z' },
  mergeThread: { thread: 'thr_0123456789abcdefghjkmnpqrs' },
  splitThread: { messages: ['msg_0123456789abcdefghjkmnpqrs'] },
  putConversationStatus: { status: 'closed' },
  snoozeConversation: { until: '2027-01-11T08:00:00Z' },
  putConversationAssignee: { userId: 'u-1', reason: 'Knows the customer' },
  putConversationPresence: { doing: 'writing' },
  createConversationTag: { tag: 'urgent' },
  createConversationNote: { text: 'Ask the warehouse first.', mentions: ['u-2'] },
  createSignIn: {
    provider: 'gmail',
    address: 'ada@example.com',
    returnTo: 'https://crm.example.com/settings/mail',
  },
  completeSignIn: { settings: { displayName: 'Ada Lovelace' } },
  createTimelineEntry: {
    records: [
      { kind: 'contact', id: 'c-17' },
      { kind: 'deal', id: 'd-4' },
    ],
    kind: 'call',
    title: 'Asked for a new offer',
    text: 'She wants the same terms for another year.',
    at: '2026-11-03T09:30:00Z',
  },
  changeTimelineEntry: { title: 'Wants a new offer by Friday' },
  acceptLinkSuggestion: { alwaysForSender: true },
  rejectLinkSuggestion: {},
  createSenderAssignment: { address: 'office@example.org', record: { kind: 'contact', id: 'c-17' } },
  createLinkPreview: {
    contacts: [{ id: 'c-17', firstName: 'Grace', lastName: 'Hopper', emails: ['grace@example.org'] }],
    rules: [{ accountId, autoLink: false }],
  },
  putEmailAccountAssignmentRules: assignmentRules,
  dryRunEmailAccountAssignmentRules: assignmentRules,
  putUserAvailability: {
    away: { from: '2027-02-01T00:00:00.000Z', until: '2027-02-15T00:00:00.000Z', reason: 'Holiday' },
    workingHours: {
      timeZone: 'Europe/London',
      days: [{ day: 'monday', from: '09:00', to: '17:30' }],
    },
  },
  createTemplate: { scope: 'shared', ...template },
  changeTemplate: { subject: template.subject },
  previewTemplate: { contactId: 'c-17', accountId },
  createDraft: { ...email, template: { templateId, version: 1 } },
  changeDraft: { subject: 'Your question of Tuesday, answered' },
  sendEmail: { draftId, scheduledAt: '2027-01-11T08:00:00Z', undoSeconds: 30 },
  settleEmail: { decision: 'give-up' },
  skipProjectionParked: { reason: 'Imported twice by mistake; agreed with the team' },
}
