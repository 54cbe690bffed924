import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const origin = 'http://mail.intern.example:8080'

/** Over plain http, as a browser asks that knows us under another name. */
const get = async (url: string) => {
  const { pathname, search, host } = new URL(url)
  const asked = request(`${app.url}${pathname}${search}`, { headers: { host } }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

const policyOf = (header: string | string[] | undefined) =>
  new Map(
    String(header)
      .split(';')
      .map((directive) => directive.trim().split(/\s+/))
      .map(([name = '', ...sources]) => [name, sources] as const),
  )

for (const path of ['/docs', '/docs/'])
  t.test(`${path} works over plain http under any host name`, async (t) => {
    const page = await get(`${origin}${path}`)
    t.equal(page.status, 200)
    const assets = [...page.body.matchAll(/<(script|link)\b[^>]*\b(?:src|href)="([^"]+)"/g)]
    t.ok(assets.length >= 5, `${assets.length} files`)
    t.equal(
      page.body.match(/<script\b/g)?.length,
      assets.filter(([, tag]) => tag === 'script').length,
      'none inline',
    )
    for (const [, , href = ''] of assets) {
      const url = new URL(href, `${origin}${path}`)
      t.equal(url.origin, origin, href)
      const { status, headers } = await get(url.href)
      t.equal(status, 200, href)
      t.notOk(headers['strict-transport-security'], href)
      const types = { js: /javascript/, css: /text\/css/, png: /image\/png/ }
      t.match(headers['content-type'], types[href.split('.').at(-1) as keyof typeof types], href)
    }
    t.notOk(page.headers['strict-transport-security'], 'http goes on working for every service of this host')
    const policy = policyOf(page.headers['content-security-policy'])
    t.notOk(policy.has('upgrade-insecure-requests'), 'its files are fetched as the page was')
    t.match(policy.get('script-src'), ["'self'"])
    t.ok(policy.get('style-src')?.includes("'self'"))
    t.ok(policy.get('style-src')?.includes("'unsafe-inline'"), 'the page styles itself')
    t.ok(policy.get('img-src')?.includes('data:'), 'its logo is in its script')
    t.strictSame(policy.get('connect-src') ?? policy.get('default-src'), ["'self'"], 'it may ask us')
  })

t.test('requests that are tried out on the page go to where it came from', async (t) => {
  const { status, body } = await get(`${origin}/docs/json`)
  t.equal(status, 200)
  const { servers } = JSON.parse(body) as { servers: { url: string }[] }
  t.strictSame(
    servers.map(({ url }) => new URL(url, `${origin}/docs/json`).href),
    [`${origin}/`],
  )
})
