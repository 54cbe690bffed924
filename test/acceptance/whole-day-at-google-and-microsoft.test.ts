import { request } from 'node:http'
import { createServer } from 'node:https'
import { generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { trustAlso } from '../../src/adapters/network/authorities.ts'
import { until } from '../../scripts/lib/client.ts'
import { connectBySigningIn } from '../../scripts/lib/connect-by-signing-in.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { PUSH, pushed } from '../../scripts/lib/mail-servers/google/pub-sub.ts'
import { startGoogleAndMicrosoft } from '../../scripts/lib/mail-servers/google-and-microsoft.ts'
import { testTls, type TestTls } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../support/running-app.ts'

// Mailboxes of Google and Microsoft from signing in to new mail, as a CRM, its user and the providers see it.

const ann = { gmail: 'ann@gmail.test', outlook: 'ann@outlook.test' }
const mailNamed = (name: string): Buffer =>
  Buffer.from(
    `From: mia@client.test\r\nTo: Ann\r\nSubject: ${name}\r\nMessage-ID: <${name}@client.test>\r\n\r\nWords\r\n`,
  )

/** What stands in front of the service in public, with a certificate. */
const frontDoor = async (
  t: Test,
  tls: TestTls,
  ports: { outside: number; inside: number },
): Promise<void> => {
  const server = createServer(tls.good, (incoming, answer) => {
    const { method, url, headers } = incoming
    const inner = request(
      { host: '127.0.0.1', port: ports.inside, method, path: url, headers },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers)
        response.pipe(answer)
      },
    )
    inner.on('error', () => answer.destroy())
    incoming.pipe(inner)
  })
  await new Promise<void>((resolve) => server.listen(ports.outside, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
}

const open = async (t: Test) => {
  const tls = await testTls()
  trustAlso([tls.ca])
  const ports = { outside: await freePort(), inside: await freePort() }
  const url = `https://localhost:${ports.outside}`
  const servers = await startGoogleAndMicrosoft(() => `${url}/oauth/callback`, tls)
  t.teardown(servers.close)
  const { google, microsoft, gmail, graph } = servers
  google.addPerson({ id: 'ann', address: ann.gmail })
  microsoft.addPerson({ id: 'ann', address: ann.outlook })
  const boxes = {
    gmail: gmail.addMailbox(ann.gmail, 'behind-gmail'),
    outlook: graph.addMailbox(ann.outlook, 'behind-outlook'),
  }
  await frontDoor(t, tls, ports)
  const app = await startApp(t, {
    ca: tls.ca,
    env: {
      ...servers.env,
      MAILTRAIL_PORT: String(ports.inside),
      MAILTRAIL_PUBLIC_URL: url,
      MAILTRAIL_GMAIL_PUSH_TOPIC: PUSH.topic,
      MAILTRAIL_GMAIL_PUSH_SERVICE_ACCOUNT: PUSH.serviceAccount,
      MAILTRAIL_GOOGLE_KEYS_URL: `${gmail.url}/oauth2/v3/certs`,
    },
  })
  const hint = (provider: string, body: unknown, authorization?: string) =>
    fetch(`${url}/v1/hints/${provider}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      body: JSON.stringify(body),
    })
  gmail.pushTo(async (authorization, body) => {
    await hint('gmail', body, authorization)
  }, `${url}/v1/hints/gmail`)
  return { app, url, gmail, graph, boxes, hint, user: app.clientOf('u-ann') }
}

const world = await open(t)
const { user, boxes, gmail, graph, hint } = world

/** Signs in, and waits for the first sync. The next one by itself would be an hour later. */
const connect = async (provider: 'gmail' | 'outlook'): Promise<string> => {
  const settings = { syncFrequencyMinutes: 60 }
  const id = await connectBySigningIn(user, { provider, address: ann[provider], settings })
  await arrives(id, 'before')
  return id
}
const arrives = (account: string, subject: string) =>
  until(
    subject,
    () => user.get<{ data: { subject: string }[] }>(`/v1/messages?account=${account}`),
    ({ data }) => data.some((message) => message.subject === subject),
  )

t.test('Gmail: what is pushed is read at once, and nobody else can push', async (t) => {
  boxes.gmail.add(mailNamed('before'), ['INBOX'], new Date())
  const account = await connect('gmail')
  await until('The watch', () => Promise.resolve(gmail.isWatched(ann.gmail)), Boolean)
  boxes.gmail.add(mailNamed('pushed-by-gmail'), ['INBOX', 'UNREAD'], new Date())
  await arrives(account, 'pushed-by-gmail')

  const { privateKey } = await generateKeyPair('RS256')
  const forged = await new SignJWT({ email: PUSH.serviceAccount, email_verified: true })
    .setProtectedHeader({ alg: 'RS256', kid: 'google' })
    .setIssuer('https://accounts.google.com')
    .setAudience(`${world.url}/v1/hints/gmail`)
    .setIssuedAt()
    .setExpirationTime('5 minutes')
    .sign(privateKey)
  for (const authorization of [`Bearer ${forged}`, 'Bearer x', undefined])
    t.equal((await hint('gmail', pushed(ann.gmail), authorization)).status, 404)
})

t.test('Outlook: what is pushed is read at once, and nobody else can push', async (t) => {
  const inbox = boxes.outlook.folder('inbox')!.id
  boxes.outlook.add(inbox, mailNamed('before'))
  const account = await connect('outlook')
  await until('The subscription', () => Promise.resolve(graph.subscriptions.all().length), Boolean)
  boxes.outlook.add(inbox, mailNamed('pushed-by-graph'))
  await arrives(account, 'pushed-by-graph')

  const [{ clientState = '' } = {}] = graph.subscriptions.all()
  t.equal((await hint('outlook', { value: [{ clientState }] })).status, 202, 'its own word')
  const changed = `${clientState.slice(0, -1)}${clientState.endsWith('A') ? 'E' : 'A'}`
  for (const word of [changed, clientState.split('.')[0], 'x.y'])
    t.equal((await hint('outlook', { value: [{ clientState: word }] })).status, 404)
})
