import type { Test } from 'tap'
import { until, type Client } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { mail } from './mailbox-to-sync.ts'

const user = 'team@acme.test'
const password = 'secret'

export type Conversation = {
  readonly id: string
  readonly accountId: string
  readonly status: string
  readonly snoozedUntil: string | null
  readonly assigneeId: string | null
  readonly tags: readonly string[]
  readonly version: number
  readonly lastAnsweredAt: string | null
  readonly unread: boolean | null
  readonly lastMessage: { readonly id: string; readonly from: string | null }
}

/** A mailbox of the team on real servers, into which mail can be delivered. */
export const sharedMailbox = async (t: Test) => {
  const tls = await testTls()
  const folders = [{ path: 'INBOX' }, { path: 'Sent', use: '\\Sent' }]
  const imap = await imapServer({
    encryption: 'tls',
    tls: tls.good,
    users: { [user]: { password, folders } },
  })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
  t.teardown(() => Promise.all([imap.close(), sink.close()]))
  const login = { host: 'localhost', username: user, password }
  return {
    ca: tls.ca,
    ports: [imap.port, sink.port],
    sink,
    /** @returns the id of the account */
    connect: async (client: Client, owner: object = { kind: 'team' }): Promise<string> => {
      const { body } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
        address: user,
        owner,
        connection: {
          provider: 'imap-smtp',
          smtp: { ...login, port: sink.port },
          imap: { ...login, port: imap.port, encryption: 'tls' },
        },
      })
      return body.id
    },
    /** Delivers a mail, or puts one among the sent mail. Its Message-ID is `<n>@x.test`. */
    deliver: (n: number | string, headers: Record<string, string> = {}, folder = 'INBOX') => {
      const date = new Date().toUTCString().replace('GMT', '+0000')
      imap.mailbox(user).append(folder, mail(n, { To: user, Date: date, ...headers }))
    },
    /** Has the mailbox read now. */
    sync: async (client: Client, account: string): Promise<void> => {
      await client.send('POST', `/v1/email-accounts/${account}/sync-runs`)
    },
  }
}

/** The conversation with the mail of this author, once it is as it should be. */
export const conversationWith = (
  client: Client,
  author: string,
  isRight: (found: Conversation) => boolean = () => true,
): Promise<Conversation> =>
  until(
    `The conversation with ${author}`,
    async () => {
      const { data } = await client.get<{ data: Conversation[] }>('/v1/conversations?limit=200')
      return data.find(({ lastMessage }) => lastMessage.from === author)
    },
    (found) => found !== undefined && isRight(found),
    120_000,
  ) as Promise<Conversation>
