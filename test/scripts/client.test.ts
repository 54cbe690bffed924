import { execFile } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { addressesIn, open } from '../../scripts/demo/world.ts'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { startApp } from '../support/running-app.ts'

const root = join(import.meta.dirname, '../..')
const run = (program: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [join(root, program), ...args], { cwd: root })

/** What the compiler finds; nothing if all is well. */
const faultsIn = async (folder: string): Promise<string> => {
  try {
    return (await run('node_modules/typescript/bin/tsc', '-p', folder)).stdout
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
  }
}

const person = { id: 'u-ada', name: 'Ada Lovelace', address: 'ada@acme.test', password: 'correct horse' }
const question =
  'From: grace@example.test\r\nTo: ada@acme.test\r\nMessage-ID: <1@example.test>\r\nSubject: Can you?\r\n\r\nCan you?\r\n'

/** What the program in the fixture returns, as far as it is looked at here. */
type Done = { daysWork: (day: object) => Promise<object> }

t.test('a client is generated, compiles in strict mode, and does the work of a day', async (t) => {
  const imap = await imapServer({
    encryption: 'none',
    users: {
      [person.address]: {
        password: person.password,
        folders: [
          { path: 'INBOX', messages: [{ raw: Buffer.from(question) }] },
          { path: 'Sent', use: '\\Sent' },
        ],
      },
    },
  })
  t.teardown(() => imap.close())
  const sink = await smtpSink({ encryption: 'none', users: { [person.address]: person.password } })
  t.teardown(() => sink.close())
  const app = await startApp(t, {
    ports: [imap.port, sink.port],
    env: { MAILTRAIL_CLEAR_TEXT_HOSTS: 'localhost' },
  })

  const folder = join(t.testdirName, 'client')
  await run('scripts/client.ts', folder, '--from', app.url)
  copyFileSync(join(root, 'test/fixtures/client/days-work.ts.txt'), join(folder, 'days-work.ts'))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'esnext',
        module: 'nodenext',
        lib: ['esnext', 'dom'],
        types: [],
        noEmit: true,
        strict: true,
        noUncheckedIndexedAccess: true,
        allowImportingTsExtensions: true,
        erasableSyntaxOnly: true,
      },
    }),
  )
  t.equal(await faultsIn(folder), '', 'it compiles')

  const { daysWork } = (await import(join(folder, 'days-work.ts'))) as Done
  const done = await daysWork({
    url: app.url,
    key: app.key,
    person,
    ports: { imap: imap.port, smtp: sink.port },
    open: () => open(addressesIn(sink.messages[0]!).pixel!),
    until: <Value>(what: string, ask: () => Promise<Value>, wished: (value: Value) => boolean) =>
      until(what, ask, wished, 240_000),
  })
  t.match(done, {
    tested: true,
    synced: 1,
    text: /Can you\?/,
    refused: 'stale-version',
    sent: { state: 'sent', subject: 'Your question, answered', attachments: 1 },
    report: { state: 'sent', summary: { opens: 1, uniqueOpens: 1, human: { opens: 1 } } },
    totals: { sent: 1, opened: { count: 1 } },
  })
})
