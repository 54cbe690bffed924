import { randomBytes } from 'node:crypto'
import t from 'tap'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../support/running-app.ts'
import { skipWithout, startDovecot, type SeedFile } from '../../scripts/lib/mail-servers/dovecot.ts'
import { isLong, runs } from '../support/long-runs.ts'
import { announcedIn, placedByLog } from '../support/mailbox-comparison.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

t.setTimeout(isLong ? 1_800_000 : 180_000)
const user = 'sarah@acme.test'
const password = `geheim-${randomBytes(8).toString('hex')}`
const COUNT = runs(1000, 10_000)
/** So many of them are one and the same mail, all over the mailbox. */
const COPIES = 40

const lines = (n: number | string): string[] => [
  `From: Sender ${n} <sender${n}@x.test>`,
  `To: ${user}`,
  'Date: Mon, 05 Jan 2026 12:00:00 +0000',
  `Message-ID: <${n}@x.test>`,
  `Subject: subject ${n}`,
  '',
  `body ${n}`,
  '',
]
const isCopy = (n: number): boolean => n % Math.floor(COUNT / COPIES) === 0
const seeds = Array.from({ length: COUNT }, (_, n): SeedFile => ({
  raw: Buffer.from(lines(isCopy(n) ? 'copy' : n).join('\r\n')),
  flags: 'S',
  at: new Date(Date.now() - 3_600_000 + n * 100),
}))

t.test(`${COUNT} messages are synced in one run`, { skip: skipWithout('dovecot') }, async (t) => {
  const tls = await testTls()
  const dovecot = await startDovecot(t, { tls, users: { [user]: password } })
  dovecot.seed(user, 'INBOX', seeds)
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort] })
  const imap = { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', username: user, password }
  const connected = await app.client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner: { kind: 'team' },
    connection: { provider: 'imap-smtp', imap },
    settings: { historyDays: null, folders: ['inbox'] },
  })
  const run = await syncing(app.client, connected.body.id, connected.position).after(0, 600_000)
  const different = seeds.filter((_, n) => !isCopy(n)).length + 1
  t.match(run, { number: 1, status: 'Success', count: different })
  t.match(run.folders, [{ listed: COUNT, stored: different, known: COUNT - different, failed: 0 }])
  t.equal(await announcedIn(app.pool), different)
  t.equal((await placedByLog(app.pool)).size, COUNT, 'each has its place')
})
