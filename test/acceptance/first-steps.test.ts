import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { mail } from '../support/mailbox-to-sync.ts'
import { startApp } from '../support/running-app.ts'

// The requests of "First steps" in README.md, and that of "Auditing it", as they stand there; only the mail servers are
// others.

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const scriptOf = (title: string): string => {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? ''
  return /^```\n(.*?)^```$/ms.exec(section)?.[1] ?? ''
}

const user = 'sarah@acme.example'
const tls = await testTls()
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: { [user]: { password: 'secret', folders: [{ path: 'INBOX', messages: [mail(1)] }] } },
})
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: 'secret' } })
t.teardown(() => Promise.all([imap.close(), sink.close()]))
const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port] })

/** The words of one command as a shell takes them: quotes, variables, and what is written together. */
const wordsOf = (command: string, variables: Readonly<Record<string, string>>): string[] =>
  Array.from(command.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"]+)+/g), ([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"|([^'"]+)/g, (_, single?: string, double?: string, bare?: string) =>
      single === undefined
        ? (double ?? bare ?? '').replaceAll(/\$(\w+)/g, (whole, name: string) => variables[name] ?? whole)
        : single,
    ),
  )

const curl = async ([, url = '', ...options]: string[]): Promise<unknown> => {
  const headers: Record<string, string> = {}
  let body: string | undefined
  for (let at = 0; at < options.length; at += 2) {
    const value = options[at + 1] ?? ''
    if (options[at] === '-H') headers[value.split(': ', 1)[0]!] = value.slice(value.indexOf(': ') + 2)
    else if (options[at] === '-d') body = value
    else throw new Error(`curl ${options[at]} is not known here`)
  }
  const here = body
    ?.replace('"smtp.acme.example"', `"localhost", "port": ${sink.port}`)
    .replace('"imap.acme.example"', `"localhost", "port": ${imap.port}, "encryption": "tls"`)
  const answer = await fetch(url, { headers, ...(here === undefined ? {} : { method: 'POST', body: here }) })
  const json: unknown = await answer.json()
  // A busy machine shows what was just made later than the API waits for it.
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${JSON.stringify(json)}`)
  return json
}

t.test(
  'the first steps of the README connect a mailbox, sync it, send an email and report on it',
  async (t) => {
    const commands = scriptOf('First steps').split(/^(?=curl )/m)
    const variables: Record<string, string> = { KEY: app.key }
    for (const [, name = '', value = ''] of commands.shift()!.matchAll(/^(\w+)=(.*)$/gm))
      variables[name] = wordsOf(value, variables)[0]!
    t.equal(variables['URL'], 'http://127.0.0.1:3000', 'where a first start listens')
    variables['URL'] = app.url
    t.equal(commands.length, 6)
    commands.push(scriptOf('Auditing it'))
    /** Runs the next command until its answer is as awaited. */
    const next = async <Answer>(enough: (answer: Answer) => boolean = () => true): Promise<Answer> => {
      const command = commands.shift()!
      const ask = () => curl(wordsOf(command, variables)) as Promise<Answer | null>
      const found = await until(command, ask, (answer) => answer !== null && enough(answer))
      return found!
    }
    variables['ACCOUNT'] = (await next<{ id: string }>()).id
    await next<{ lastSync: unknown }>(({ lastSync }) => lastSync !== null)
    const messages = await next<{ data: { subject: string }[] }>(({ data }) => data.length > 0)
    t.equal(messages.data.length, 1)
    variables['EMAIL'] = (await next<{ id: string }>()).id
    const sent = ({ activity }: { activity: { event: string }[] }) =>
      activity.some(({ event }) => event === 'sent')
    await next(sent)
    await next<{ totals: { sent: number } }>(({ totals }) => totals.sent === 1)
    const { data: history } = await next<{ data: { type: string }[] }>(({ data }) => data.length > 2)
    t.strictSame(
      history.slice(0, 3).map(({ type }) => type),
      ['EmailQueued', 'EmailReleased', 'EmailSent'],
      'and the auditor reads what happened to it',
    )
    t.equal(sink.messages.length, 1)
    t.match(sink.messages[0]!.raw.toString(), /^Subject: Hello\r$/m)
  },
)
