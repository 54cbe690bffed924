import { randomBytes } from 'node:crypto'
import { gmailProvider } from '../../../src/adapters/gmail/provider.ts'
import { problem } from '../../../src/adapters/oauth/problems.ts'
import { credentialsOf, tokenSource } from '../../../src/adapters/oauth/tokens.ts'
import type { Access } from '../../../src/commands/ports/mail-provider.ts'
import { messageIdOf, type FromBehind, type OpenHarness } from '../../contracts/mail-provider-harness.ts'
import { cutLines } from '../../../scripts/lib/cut-lines.ts'
import type { GmailMailbox } from '../../../scripts/lib/mail-servers/google/mailbox.ts'
import { PUSH } from '../../../scripts/lib/mail-servers/google/pub-sub.ts'
import { googleError, type Answer } from '../../../scripts/lib/mail-servers/google/calls.ts'
import { startGoogle, type Google } from '../../../scripts/lib/mail-servers/google/service.ts'

export const FOLDERS = {
  inbox: 'INBOX',
  sent: '[Gmail]/Sent Mail',
  archive: '[Gmail]/Archive',
  own: 'Customers',
}

/** Labels of a message in a folder; Gmail has none for what was archived. */
const labelsIn = (folder: string, own: string): string[] => {
  if (folder === FOLDERS.inbox) return ['INBOX']
  if (folder === FOLDERS.sent) return ['SENT']
  return folder === FOLDERS.own ? [own] : []
}
const flagLabels = (flags: readonly string[]): { add: string[]; remove: string[] } => {
  const has = (flag: string) => flags.includes(flag)
  const labels: [string, boolean][] = [
    ['UNREAD', !has('seen')],
    ['STARRED', has('flagged')],
  ]
  return {
    add: labels.flatMap(([label, is]) => (is ? [label] : [])),
    remove: labels.flatMap(([label, is]) => (is ? [] : [label])),
  }
}

const fromBehind = (mailbox: GmailMailbox, own: string): FromBehind => {
  const foldersOf = (labels: readonly string[]): string[] => {
    const found = [FOLDERS.inbox, FOLDERS.sent, FOLDERS.own].filter((folder) =>
      labelsIn(folder, own).every((label) => labels.includes(label)),
    )
    return found.length === 0 ? [FOLDERS.archive] : found
  }
  const find = (messageId: string, folder: string) => {
    const found = mailbox
      .messages()
      .find(({ raw, labels }) => messageIdOf(raw) === messageId && foldersOf(labels).includes(folder))
    if (found === undefined) throw new Error(`No message ${messageId} in ${folder}`)
    return found
  }
  return {
    deliver: async (folder, raw, { at = new Date(), flags = [] } = {}) =>
      void mailbox.add(raw, [...labelsIn(folder, own), ...flagLabels(flags).add], at),
    move: (messageId, from, to) =>
      mailbox.relabel(find(messageId, from).id, labelsIn(to, own), labelsIn(from, own)),
    flag: (messageId, folder, flags) => {
      const { add, remove } = flagLabels(flags)
      return mailbox.relabel(find(messageId, folder).id, add, remove)
    },
    remove: (messageId, folder) => mailbox.delete(find(messageId, folder).id),
    removeFolder: () => mailbox.removeLabel(own),
    raw: async (messageId, folder) => find(messageId, folder).raw,
    contents: async () =>
      mailbox.messages().flatMap(({ raw, labels }) =>
        foldersOf(labels).map((folder) => ({
          folder,
          messageId: messageIdOf(raw),
          flags: [
            ...(labels.includes('STARRED') ? ['flagged'] : []),
            ...(labels.includes('UNREAD') ? [] : ['seen']),
          ],
        })),
      ),
  }
}

/** How an account reaches a mailbox with this token, which nobody renews. */
export const accessOf = (address: string, token: string): Access => ({
  connection: { provider: 'gmail', address, permissions: ['mail'] },
  credentials: credentialsOf({
    accessToken: token,
    refreshToken: 'secret-refresh',
    expiresAt: '2999-01-01T00:00:00.000Z',
  }),
})

/** Within one process. */
const pushLine = () => {
  const listeners = new Set<(mailbox: string) => void>()
  return {
    tell: async (mailbox: string) => listeners.forEach((listener) => listener(mailbox)),
    onTold: (listener: (mailbox: string) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

type Ends = { teardown(end: () => unknown): void }

/** The provider, reaching a Gmail of its own over lines that can be cut, and taking what that pushes. */
export const gmailOnDouble = async (t: Ends) => {
  const google = await startGoogle()
  t.teardown(() => google.close())
  const lines = await cutLines(t, [{ port: google.port }])
  const provider = gmailProvider({
    tokens: tokenSource({
      refresh: () => {
        throw problem('sign-in-ended')
      },
    }),
    apiUrl: `http://127.0.0.1:${lines.ports[0]}`,
    unitsPerMinute: { mailbox: 1e9, project: 1e9 },
    renewWatchEveryMs: 100,
    push: { ...PUSH, ...pushLine(), keysUrl: `${google.url}/oauth2/v3/certs` },
  })
  google.pushTo(async (authorization, body) => {
    if ((await provider.takePush?.({ authorization, body })) !== true) throw new Error('It was not taken')
  })
  return { google, lines, provider }
}

/** A mailbox with a label that a person made. */
export const addMailbox = (google: Google, address: string, token: string) => {
  const mailbox = google.addMailbox(address, token)
  return { mailbox, behind: fromBehind(mailbox, mailbox.addLabel(FOLDERS.own)) }
}

/** Gmail, a service of its own for each mailbox. */
export const gmailHarness = (): OpenHarness => async (t) => {
  const { google, lines, provider } = await gmailOnDouble(t)
  const address = 'ann@gmail.test'
  const token = `secret-${randomBytes(9).toString('hex')}`
  const { mailbox, behind } = addMailbox(google, address, token)
  const refusal = (what: string, kind: 'scope-missing' | 'throttled' | 'temporary', answer: Answer) => ({
    what,
    kind,
    set: (on: boolean) => void (google.fault = on ? () => answer : () => null),
  })
  return {
    provider,
    access: accessOf(address, token),
    wrongAccess: accessOf(address, 'secret-wrong'),
    secrets: [token, 'secret-wrong', 'secret-refresh'],
    address,
    folders: FOLDERS,
    mailbox: behind,
    lines,
    loseCursors: async () => mailbox.forget(),
    withhold: null,
    refusals: [
      refusal(
        'too many requests',
        'throttled',
        googleError(429, 'rateLimitExceeded', { 'retry-after': '60' }),
      ),
      refusal('over its quota', 'throttled', googleError(403, 'userRateLimitExceeded')),
      refusal('not permitted', 'scope-missing', googleError(403, 'insufficientPermissions')),
      refusal('broken', 'temporary', googleError(503, 'backendError')),
    ],
    arrived: () => google.sent.map(({ raw }) => raw),
    refuseRecipients: null,
    loseAnswer: (on) => {
      google.fault = (call) => (on && call.path === 'drafts/send' ? 'unanswered' : null)
    },
    knows: { moves: true, fate: true, left: true, answered: false },
  }
}
