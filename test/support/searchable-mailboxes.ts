import type { Test } from 'tap'
import { imapServer } from '../../scripts/lib/mail-servers/loopback.ts'
import type { SeedMessage } from '../../scripts/lib/mail-servers/imap-mailboxes.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { upToNow } from './mailbox-comparison.ts'
import { syncing } from './awaited-sync-runs.ts'
import { startVerb } from './command-line.ts'
import { testDatabase } from './test-database.ts'
import { startApp } from './running-app.ts'

export type Written = {
  readonly subject: string
  readonly from?: string
  readonly text?: string
  /** Instead of the text. */
  readonly html?: string
  /** The name of a file. */
  readonly file?: string
  readonly at?: string
  readonly seen?: boolean
  readonly headers?: readonly string[]
}

const encoded = (text: string): string => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`
const base64 = (text: string): string => Buffer.from(text).toString('base64').replaceAll(/.{76}/g, '$&\r\n')

/** A mail in UTF-8, whatever is in it. */
const asMail = (nth: number, of: Written): SeedMessage => {
  const { subject, from = 'Sam <sam@sender.example>', text = '', html, file, at, seen, headers = [] } = of
  const part = [
    `Content-Type: ${html === undefined ? 'text/plain' : 'text/html'}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    base64(html ?? text),
  ]
  const body =
    file === undefined
      ? part
      : [
          'Content-Type: multipart/mixed; boundary=b',
          '',
          '--b',
          ...part,
          '--b',
          `Content-Type: application/octet-stream; name="${encoded(file)}"`,
          'Content-Disposition: attachment',
          '',
          'bytes',
          '--b--',
        ]
  const [, name = '', address = from] = /^(.*) <(.*)>$/.exec(from) ?? []
  const raw = [
    `From: ${encoded(name)} <${address}>`,
    'To: team@acme.test',
    `Message-ID: <${nth}.${Buffer.from(subject).toString('hex').slice(0, 40)}@sender.example>`,
    `Subject: ${encoded(subject)}`,
    ...headers,
    ...body,
  ].join('\r\n')
  const day = new Date(Date.UTC(2026, 0, 5, 12) - nth * 24 * 60 * 60 * 1000)
  return { raw: Buffer.from(raw), at: at === undefined ? day : new Date(at), flags: seen ? ['\\Seen'] : [] }
}

type Hit = {
  readonly id: string
  readonly accountId: string
  readonly subject: string | null
  readonly receivedAt: string
  readonly visibility: string
  readonly subjectMarks: { start: number; end: number }[]
  readonly extract: { text: string; marks: { start: number; end: number }[] } | null
}
export type Found = { readonly data: Hit[]; readonly nextCursor: string | null; readonly hasMore: boolean }

/** The running service with the team's account, and one of user u1, on a real server with this mail, newest first. */
export const searchableMailboxes = async (
  t: Test,
  mail: {
    readonly team: readonly Written[]
    readonly own: readonly Written[]
    readonly archive?: readonly Written[]
  },
) => {
  const tls = await testTls()
  const password = 'secret'
  const folders = (inbox: readonly Written[], archive: readonly Written[] = []) => [
    { path: 'INBOX', messages: inbox.map((each, nth) => asMail(nth, each)) },
    { path: 'Old', messages: archive.map((each, nth) => asMail(1000 + nth, each)) },
  ]
  const users = {
    'team@acme.test': { password, folders: folders(mail.team, mail.archive) },
    'own@acme.test': { password, folders: folders(mail.own) },
  }
  const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
  t.teardown(() => imap.close())
  const database = await testDatabase(t)
  const app = await startApp(t, { ca: tls.ca, ports: [imap.port], database })
  for (const user of ['u1', 'u2']) await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
  const connect = async (username: string, owner: object) => {
    const { body, position } = await app.clientOf('u1').send<{ id: string }>('POST', '/v1/email-accounts', {
      address: username,
      owner,
      connection: {
        provider: 'imap-smtp',
        smtp: null,
        imap: { host: 'localhost', port: imap.port, encryption: 'tls', username, password },
      },
      settings: { historyDays: null, syncDirection: 'receive', folders: ['inbox', 'Old'] },
    })
    await syncing(app.client, body.id, position).after(0)
    return body.id
  }
  const team = await connect('team@acme.test', { kind: 'team' })
  const own = await connect('own@acme.test', { kind: 'user', userId: 'u1' })
  const search = async (query: Record<string, string>, user?: string) => {
    const asked = new URLSearchParams({ limit: '200', ...query }).toString()
    const client = user === undefined ? app.client : app.clientOf(user)
    return client.get<Found>(`/v1/search?${asked}&${await upToNow(app.client)}`)
  }
  return {
    app,
    team,
    own,
    reindex: (t: Test) => startVerb(t, database, ['reindex']).ended,
    search,
    /** The subjects of what is found, newest first. */
    subjects: async (query: Record<string, string>, user?: string) =>
      (await search(query, user)).data.map(({ subject }) => subject),
  }
}
