import t from 'tap'
import { definedCodes } from '../../../src/domain/refusal.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const page = async (path: string): Promise<string> => {
  const { status, headers, bytes } = await app.ask('GET', path, { key: null })
  t.match(
    { status, type: headers.get('content-type') },
    { status: 200, type: 'text/html; charset=utf-8' },
    path,
  )
  return bytes.toString()
}

t.test('the type of a problem leads to a page that says what it means and what to do', async (t) => {
  const { json } = await app.ask('GET', '/v1/email-accounts', { key: null })
  const { type, title } = json as { type: string; title: string }
  t.equal(type, '/problems/not-authenticated')
  t.match(await page(type), `<h1>${title}</h1>`)
})

t.test('every code of the running service has a page with its title, meaning and remedy', async (t) => {
  // One of each kind: a rule, HTTP's own, a mail server's trouble, an outcome of sending.
  for (const code of ['account-paused', 'not-authenticated', 'certificate-expired', 'overdue'])
    t.ok(definedCodes.has(code), code)
  for (const { code, title, meaning, remedy } of definedCodes.values()) {
    t.match(title, /^[A-Z][^.]{2,}$/, `${code}: ${title}`)
    t.match(meaning, /^[A-Z].{9,}\.$/, `${code}: ${meaning}`)
    t.match(remedy, /^[A-Z].{9,}\.$/, `${code}: ${remedy}`)
    t.match(
      await page(`/problems/${code}`),
      new RegExp(`<h1>.{3,}</h1>\n<p><code>${code}</code></p>\n<p>.{10,}\n.*What to do:</b> .{10,}`),
    )
  }
})

t.test('all codes are listed, each with its title', async (t) => {
  const listed = (await page('/problems')).matchAll(
    /<a href="\/problems\/([a-z0-9-]+)">\1<\/a>: .{3,}<\/li>/g,
  )
  t.same(
    [...listed].map(([, code]) => code),
    [...definedCodes.keys()].toSorted(),
  )
})

t.test('what is not a code has no page', async (t) => {
  const { status, json } = await app.ask('GET', '/problems/%3Cscript%3E', { key: null })
  t.match({ status, json }, { status: 404, json: { code: 'not-found' } })
})
