import t from 'tap'
import { ConfigError, readConfig } from '../src/config.ts'

t.test('with nothing set it runs on the embedded database, on loopback, and trusts nobody', async (t) => {
  t.match(readConfig({}), {
    databaseUrl: null,
    role: 'all',
    host: '127.0.0.1',
    port: 3000,
    egress: { allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [], ehloName: null },
    trustProxy: [],
    deliveryWindowMinutes: 60,
    deletedRetentionDays: 30,
    logLevel: 'info',
  })
})

t.test('lists and addresses are read as they are written', async (t) => {
  const config = readConfig({
    DATABASE_URL: 'postgres://u:p@db.test/mailtrail',
    MAILTRAIL_PUBLIC_URL: 'https://mail.acme.test/',
    MAILTRAIL_ALLOWED_NETWORKS: '10.0.0.0/8, 192.168.0.0/16',
    MAILTRAIL_ALLOWED_PORTS: '2525,1143',
  })
  t.equal(config.publicUrl, 'https://mail.acme.test')
  t.equal(config.trackingUrl, 'https://mail.acme.test')
  t.same(config.egress.allowedNetworks, ['10.0.0.0/8', '192.168.0.0/16'])
  t.same(config.egress.allowedPorts, [2525, 1143])
})

t.test('SMTP servers are greeted by a full name: the one that is set, or the public one', async (t) => {
  const nameOf = (env: Record<string, string>) => readConfig(env).egress.ehloName
  t.equal(nameOf({ MAILTRAIL_PUBLIC_URL: 'https://mail.acme.test/crm' }), 'mail.acme.test')
  for (const publicUrl of ['http://localhost:3000', 'http://192.0.2.1', 'http://[2001:db8::1]:3000'])
    t.equal(nameOf({ MAILTRAIL_PUBLIC_URL: publicUrl }), null)
  for (const name of ['mx.acme.test', '[192.0.2.1]', '[IPv6:2001:db8::1]'])
    t.equal(nameOf({ MAILTRAIL_EHLO_NAME: name, MAILTRAIL_PUBLIC_URL: 'https://mail.acme.test' }), name)
  for (const name of ['localhost', '192.0.2.1', '[2001:db8::1]', 'a b.test', 'a.test\r\nX', '-a.test', ''])
    t.throws(() => nameOf({ MAILTRAIL_EHLO_NAME: name }), /MAILTRAIL_EHLO_NAME: must be a full host name/)
})

t.test('a process that does a part only needs a database that others can have too', async (t) => {
  for (const role of ['api', 'worker']) {
    t.throws(() => readConfig({ MAILTRAIL_ROLE: role }), /MAILTRAIL_ROLE: .*DATABASE_URL must be set/)
    t.equal(readConfig({ MAILTRAIL_ROLE: role, DATABASE_URL: 'postgres://db.test/m' }).role, role)
  }
  t.throws(() => readConfig({ MAILTRAIL_ROLE: 'both' }), /MAILTRAIL_ROLE/)
})

t.test(
  'traces go where OpenTelemetry says, and metrics are for those with a key unless said otherwise',
  async (t) => {
    t.match(readConfig({}), { traces: null, metrics: 'key' })
    t.match(
      readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318/', MAILTRAIL_METRICS: 'open' }),
      {
        traces: { url: 'http://collector.test:4318/v1/traces', serviceName: 'mailtrail' },
        metrics: 'open',
      },
    )
  },
)

t.test('a registration is complete, and what goes with it is sent to nobody in clear text', async (t) => {
  t.match(readConfig({}), {
    google: { client: null, loginUrl: 'https://accounts.google.com', apiUrl: 'https://gmail.googleapis.com' },
    microsoft: {
      client: null,
      loginUrl: 'https://login.microsoftonline.com/common/v2.0',
      graphUrl: 'https://graph.microsoft.com',
    },
  })
  const both = { MAILTRAIL_GOOGLE_CLIENT_ID: 'id', MAILTRAIL_GOOGLE_CLIENT_SECRET: 'registered' }
  const { client } = readConfig(both).google
  t.equal(client?.clientSecret.reveal(), 'registered')
  t.notMatch(JSON.stringify(readConfig(both)), 'registered')
  t.throws(() => readConfig({ MAILTRAIL_MICROSOFT_CLIENT_ID: 'id' }), /MICROSOFT_CLIENT_SECRET: .* together/)
  const inClearText = { MAILTRAIL_GMAIL_URL: 'http://gmail.test', MAILTRAIL_GRAPH_URL: 'http://graph.test' }
  t.throws(
    () => readConfig(inClearText),
    /GMAIL_URL: must begin with https.*\n.*GRAPH_URL: must begin with https/,
  )
  const here = 'http://127.0.0.1:80'
  t.equal(readConfig({ MAILTRAIL_GMAIL_URL: here }).google.apiUrl, here)
  t.throws(
    () => readConfig({ MAILTRAIL_GRAPH_URL: here }),
    /GRAPH_URL: must begin with https/,
    'its client knows no other',
  )
  const cloud = { MAILTRAIL_MICROSOFT_LOGIN_URL: 'https://login.microsoftonline.us' }
  t.throws(() => readConfig(cloud), /MAILTRAIL_MICROSOFT_TENANT: .* one tenant/)
  const loginUrl = 'https://login.microsoftonline.us/acme/v2.0'
  t.equal(readConfig({ ...cloud, MAILTRAIL_MICROSOFT_TENANT: 'acme' }).microsoft.loginUrl, loginUrl)
  t.throws(() => readConfig({ MAILTRAIL_RETURN_ORIGINS: '*' }), /must be origins/)
  const topic = { MAILTRAIL_GMAIL_PUSH_TOPIC: 'projects/crm/topics/gmail' }
  t.throws(() => readConfig(topic), /PUSH_SERVICE_ACCOUNT: .*\n.*PUBLIC_URL: push from Gmail needs it/)
  const push = {
    ...topic,
    MAILTRAIL_GMAIL_PUSH_SERVICE_ACCOUNT: 'push@crm.iam.gserviceaccount.com',
    MAILTRAIL_PUBLIC_URL: 'https://mail.example.com',
  }
  t.equal(readConfig(push).google.push?.audience, 'https://mail.example.com/v1/hints/gmail')
})

t.test('every mistake is named at once, and no value with it', async (t) => {
  const secret = 'postgres-password-in-the-wrong-place'
  try {
    readConfig({
      DATABASE_URL: `mysql://${secret}`,
      MAILTRAIL_PORT: 'many',
      MAILTRAIL_LOGLEVEL: secret,
      MAILTRAIL_ALLOWED_PORTS: `1,${secret}`,
    })
    t.fail('it was taken')
  } catch (error) {
    t.ok(error instanceof ConfigError)
    const message = String(error)
    for (const name of ['DATABASE_URL', 'MAILTRAIL_PORT', 'MAILTRAIL_LOGLEVEL', 'MAILTRAIL_ALLOWED_PORTS'])
      t.match(message, name)
    t.notMatch(message, secret)
  }
  t.throws(() => readConfig({ MAILTRAIL_EXTRA_CA: '/no/such/file.pem' }), /MAILTRAIL_EXTRA_CA/)
})

t.test(
  'the log goes to EventStoreDB where an address says so, and no debug output tells its events',
  async (t) => {
    const url = 'esdb://app:secret@events.test:2113'
    t.equal(readConfig({}).eventStoreUrl, null)
    t.equal(readConfig({ EVENT_STORE_URL: url, DEBUG: 'fastify:*' }).eventStoreUrl, url)
    t.throws(
      () => readConfig({ EVENT_STORE_URL: 'https://events.test' }),
      /EVENT_STORE_URL: must begin with esdb/,
    )
    for (const debug of ['*', 'esdb:*', 'fastify, esdb:command']) {
      const read = () => readConfig({ EVENT_STORE_URL: url, DEBUG: debug })
      t.throws(read, { message: /^(?!.*secret).*DEBUG: /s })
    }
  },
)
