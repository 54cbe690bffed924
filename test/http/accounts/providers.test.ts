import t from 'tap'
import { startApp } from '../../support/running-app.ts'

type Server = { host: string | null; port: number; encryption: string; usernameIs: string }
type Way = { kind: string; provider: string; smtp: Server; imap: Server; guidance: string[] }
type Tile = { id: string; name: string; title: string; ways: Way[] }

const { client } = await startApp(t)

t.test('there are six tiles, each with what is filled in and what one has to know', async (t) => {
  const { data, encryptions } = await client.get<{ data: Tile[]; encryptions: object[] }>('/v1/providers')
  t.same(
    data.map(({ id, name }) => `${id}: ${name}`),
    [
      'gmail: Gmail / Google Workspace',
      'outlook: Outlook / Office 365',
      'smtp: Custom SMTP',
      'yahoo: Yahoo Mail',
      'icloud: Apple iCloud',
      'imap: Other IMAP',
    ],
  )
  const formOf = (tile: Tile) => tile.ways.find(({ kind }) => kind === 'form')
  for (const tile of data) {
    const form = formOf(tile)
    t.match(form?.smtp, { port: 587, encryption: 'starttls' }, `${tile.id}: sending by default`)
    t.match(form?.imap, { port: 993, encryption: 'tls' }, `${tile.id}: receiving by default`)
    t.ok(form?.guidance.length, `${tile.id}: what one has to know`)
  }
  const hosts = Object.fromEntries(data.map((tile) => [tile.id, formOf(tile)?.imap.host]))
  const named = data.filter((tile) => formOf(tile)?.imap.usernameIs === 'local-part')
  t.same(
    named.map(({ id }) => id),
    ['icloud'],
    'for receiving, Apple knows people by the part before the @',
  )
  t.ok(data.every((tile) => formOf(tile)?.smtp.usernameIs === 'address'))
  t.match(hosts, { yahoo: 'imap.mail.yahoo.com', icloud: 'imap.mail.me.com', smtp: null, imap: null })
  t.match(encryptions, [
    { name: 'starttls', alsoCalled: 'TLS' },
    { name: 'tls', alsoCalled: 'SSL' },
    { name: 'none', alsoCalled: null },
  ])
})

t.test('an address of a provider that we know needs no question', async (t) => {
  const { body } = await client.send('POST', '/v1/providers/discover', { address: 'Ann@iCloud.com' })
  t.match(body, {
    tile: 'icloud',
    imap: {
      host: 'imap.mail.me.com',
      port: 993,
      encryption: 'tls',
      username: 'Ann',
      foundBy: { source: 'known', where: 'icloud.com' },
      isElsewhere: false,
    },
    smtp: { host: 'smtp.mail.me.com', port: 587, encryption: 'starttls', username: 'Ann@iCloud.com' },
    asked: [{ source: 'known', outcome: 'found' }],
  })
})
