import t from 'tap'
import { startApp } from '../../support/running-app.ts'
import { problemIn } from '../../support/problem-answers.ts'

const app = await startApp(t, {
  env: {
    MAILTRAIL_REQUESTS_PER_MINUTE: '8',
    MAILTRAIL_FAILED_SIGN_INS_PER_MINUTE: '5',
    MAILTRAIL_TRUST_PROXY: '127.0.0.1',
    MAILTRAIL_UPLOAD_MB_PER_MINUTE: '1',
  },
})
const ask = (key: string | null, from = '198.51.100.1') =>
  app.ask('GET', '/v1/template-variables', { key, headers: { 'x-forwarded-for': from } })

t.test('each key is told what it has left, and has to wait when that is used up', async (t) => {
  const [key, other] = [await app.makeKey('templates:read'), await app.makeKey('templates:read')]
  for (let left = 7; left >= 0; left--) {
    const { status, headers } = await ask(key)
    t.equal(status, 200)
    t.equal(headers.get('ratelimit-policy'), '"key";q=8;w=60')
    t.match(headers.get('ratelimit'), new RegExp(`^"key";r=${left};t=(?:[1-9]|[1-5]\\d|60)$`))
  }
  const refused = await ask(key)
  problemIn(t, refused, 429, 'too-many-requests')
  t.match(refused.headers.get('retry-after'), /^(?:[1-9]|[1-5]\d|60)$/)
  t.match(refused.headers.get('ratelimit'), /^"key";r=0;/)
  t.equal((await ask(other)).status, 200, 'others are not concerned')
  t.equal((await app.ask('GET', '/health', { key: null })).headers.get('ratelimit'), null)
})

t.test('an address with too many wrong keys is refused, but not whoever was right before', async (t) => {
  const right = await app.makeKey('templates:read')
  const fresh = await app.makeKey('templates:read')
  const wrong = `${right.slice(0, -1)}${right.endsWith('0') ? '1' : '0'}`
  t.equal((await ask(right)).status, 200)
  for (let failure = 0; failure < 10; failure++)
    problemIn(t, await ask(null, '198.51.100.2'), 401, 'not-authenticated')
  for (let failure = 0; failure < 5; failure++)
    problemIn(t, await ask(wrong, '198.51.100.2'), 401, 'not-authenticated')
  for (const key of [wrong, fresh]) {
    const refused = await ask(key, '198.51.100.2')
    problemIn(t, refused, 429, 'too-many-failed-sign-ins')
    t.match(refused.headers.get('retry-after'), /^(?:[1-9]|[1-5]\d|60)$/)
  }
  t.equal((await ask(right, '198.51.100.2')).status, 200, 'a key that was right before')
  t.equal((await ask(fresh, '198.51.100.3')).status, 200, 'another address')
})

t.test(
  'of IPv6 a whole network counts as one address, and IPv4 as itself however it is written',
  async (t) => {
    const wrong = await app.makeKey('templates:read')
    const never = `${wrong.slice(0, -1)}${wrong.endsWith('0') ? '1' : '0'}`
    for (let failure = 1; failure <= 5; failure++)
      problemIn(t, await ask(never, `2001:db8:0:1:${failure}::${failure}`), 401, 'not-authenticated')
    problemIn(t, await ask(never, '2001:db8:0:1:ffff::1'), 429, 'too-many-failed-sign-ins')
    problemIn(t, await ask(never, '2001:db8:0:2::1'), 401, 'not-authenticated')
    for (let failure = 1; failure <= 5; failure++)
      problemIn(t, await ask(never, '::ffff:203.0.113.1'), 401, 'not-authenticated')
    problemIn(t, await ask(never, '203.0.113.1'), 429, 'too-many-failed-sign-ins')
    problemIn(t, await ask(never, '::ffff:203.0.113.2'), 401, 'not-authenticated')
  },
)

t.test('a key that has uploaded much has to wait, and no other', async (t) => {
  const [key, other] = [await app.makeKey('messages:send'), await app.makeKey('messages:send')]
  const upload = (by: string, bytes: number) =>
    app.ask('POST', '/v1/attachments?name=a.txt', {
      key: by,
      body: Buffer.alloc(bytes, 65),
      headers: { 'content-type': 'text/plain' },
    })
  t.equal((await upload(key, 600_000)).status, 201)
  const refused = await upload(key, 600_000)
  problemIn(t, refused, 429, 'too-many-uploads')
  t.match(refused.headers.get('retry-after'), /^(?:[1-9]|[1-5]\d|60)$/)
  t.equal((await upload(key, 400_000)).status, 201, 'what is left may be used')
  t.equal((await upload(other, 600_000)).status, 201)
})
