import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { mailProblemHelp } from '../../../src/adapters/imap-smtp/problems.ts'
import { problemCodes } from '../../../src/http/server/problem-codes.ts'
import { startApp } from '../../support/app.ts'
import { tokensOf, type Token } from '../../support/source.ts'

const root = path.join(import.meta.dirname, '../../..')
const known = new Set([...problemCodes.keys(), ...mailProblemHelp.keys()])

/** Which argument is the code, of what is called where a problem is made. */
const makers = new Map([
  ['Refused', 0],
  ['HttpProblem', 1],
  ['MailUnavailable', 1],
  ['unavailable', 0],
  ['failed', 0],
])

/** The texts in the nth argument of a call whose opening parenthesis is the first of these tokens. */
const textsOf = (tokens: readonly Token[], wanted: number): string[] => {
  const texts: string[] = []
  let depth = 0
  let argument = 0
  for (const { kind, text } of tokens) {
    if (kind === 'sign' && '([{'.includes(text)) depth++
    if (kind === 'sign' && ')]}'.includes(text)) depth--
    if (depth === 0) break
    if (kind === 'sign' && text === ',' && depth === 1) argument++
    if (kind === 'text' && argument === wanted && depth === 1) texts.push(text)
  }
  return texts
}

/** Codes as a source file has them: of problems that it makes, and after `code:`. */
const codesIn = (source: string): string[] => {
  const tokens = tokensOf(source)
  return tokens.flatMap(({ kind, text }, index) => {
    const next = tokens[index + 1]
    const maker = makers.get(text)
    if (kind === 'name' && maker !== undefined && next?.text === '(')
      return textsOf(tokens.slice(index + 1), maker)
    const value = tokens[index + 2]
    return text === 'code' && next?.text === ':' && value?.kind === 'text' ? [value.text] : []
  })
}

const used = fs
  .globSync('src/**/*.ts', { cwd: root })
  .flatMap((file) => codesIn(fs.readFileSync(path.join(root, file), 'utf8')).map((code) => ({ code, file })))

t.test('every code that the source gives is explained', async (t) => {
  t.ok(new Set(used.map(({ code }) => code)).size > 80, 'the codes are found')
  t.same(
    used.filter(({ code }) => !known.has(code)),
    [],
  )
  t.same(codesIn(`throw new Refused(a ? 'one' : 'two', 'words'); x = { code: 'three' }`), [
    'one',
    'two',
    'three',
  ])
})

t.test('every code that is explained is given', async (t) => {
  const given = new Set(used.map(({ code }) => code))
  // What a mail server's reply is about, and whether it is for now or for good.
  const ofReplies = ['sender', 'recipients', 'message'].flatMap((of) => [`${of}-deferred`, `${of}-refused`])
  t.same(
    [...problemCodes.keys()].filter((code) => !given.has(code) && !ofReplies.includes(code)),
    [],
  )
})

t.test('the type of a problem leads to a page that says what it means and what to do', async (t) => {
  const app = await startApp(t)
  const { json } = await app.ask('GET', '/v1/email-accounts', { key: null })
  const { type } = json as { type: string }
  t.equal(type, '/problems/not-authenticated')
  const paths = [type, ...[...known].map((code) => `/problems/${code}`)]
  for (const each of paths) {
    const { status, headers, bytes } = await app.ask('GET', each, { key: null })
    t.match(
      { status, type: headers.get('content-type') },
      { status: 200, type: 'text/html; charset=utf-8' },
      each,
    )
    t.match(bytes.toString(), /<h1>.{3,}<\/h1>\n<p><code>[\w-]+<\/code><\/p>\n<p>.{10,}\n.*What to do:.{4,}/)
  }
  const all = await app.ask('GET', '/problems', { key: null })
  for (const code of known) t.match(all.bytes.toString(), `href="/problems/${code}"`)
  const none = await app.ask('GET', '/problems/%3Cscript%3E', { key: null })
  t.match({ status: none.status, json: none.json }, { status: 404, json: { code: 'not-found' } })
})
