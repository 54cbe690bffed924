import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startApp, type TestApp } from '../../support/running-app.ts'
import { definedCodes } from '../../../src/domain/refusal.ts'

const impatient = await startApp(t, { env: { MAILTRAIL_REQUEST_TIMEOUT_SECONDS: '1' } })

/** Sends these bytes as they are, and reads until the other side closes. */
const exchangeWith = async ({ url }: TestApp, ...parts: readonly string[]): Promise<string> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
  // A reset is an end, too: what counts is what came before it.
  socket.on('error', () => {})
  await once(socket, 'connect')
  for (const part of parts) if (!socket.write(part)) await once(socket, 'drain')
  await once(socket, 'close')
  return answer
}

const exchange = (...parts: readonly string[]) => exchangeWith(impatient, ...parts)

/** The one answer in a text: with its head in order, and a problem as its body. */
const problemIn = (t: Test, text: string, status: number, code: string): void => {
  const [head = '', body = '', ...more] = text.split('\r\n\r\n')
  t.equal(more.length, 0, 'one answer')
  t.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
  t.match(head, /^content-type: application\/problem\+json\r?$/im)
  const problem = JSON.parse(body) as { title: string; traceId: string }
  t.match(problem, { status, code, type: `/problems/${code}`, title: definedCodes.get(code)?.title ?? '-' })
  t.match(head.toLowerCase(), `x-request-id: ${problem.traceId}`)
  t.match(head, new RegExp(`^content-length: ${body.length}\\r?$`, 'im'))
}

t.test('what is no HTTP is refused as a problem', async (t) => {
  for (const nonsense of [
    'nonsense\r\n\r\n',
    'GET / HTTP/9.9\r\nhost: x\r\n\r\n',
    'GET /health HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n',
    'POST /v1/drafts HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    'POST /v1/drafts HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n',
    'GET /health HTTP/1.1\r\nconnection: close\r\n\r\n',
  ])
    problemIn(t, await exchange(nonsense), 400, 'malformed-request')
})

t.test('whoever takes it for a proxy is told that it is none, and others go on', async (t) => {
  const connecting = 'CONNECT mail.test:443 HTTP/1.1\r\nhost: mail.test:443\r\n\r\n'
  problemIn(t, await exchange(connecting), 501, 'not-a-proxy')
  problemIn(t, await exchange(`${connecting}${'x'.repeat(100_000)}`), 501, 'not-a-proxy')
  const after = await exchange(`GET /health HTTP/1.1\r\nhost: x\r\n\r\n${connecting}`)
  t.match(after, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 501 /, 'what was asked before is answered first')
})

t.test('headers and a URL that are too long are refused as such', async (t) => {
  const long = 'x'.repeat(40_000)
  const inHeader = `GET /health HTTP/1.1\r\nhost: x\r\nx-long: ${long}\r\n\r\n`
  problemIn(t, await exchange(inHeader), 431, 'headers-too-large')
  problemIn(t, await exchange(`GET /health?${long} HTTP/1.1\r\nhost: x\r\n\r\n`), 414, 'url-too-long')
  t.match(await impatient.ask('GET', `/v1/threads/${'x'.repeat(5000)}`), {
    status: 414,
    json: { code: 'url-too-long' },
  })
})

t.test('a client that is too slow is cut with an answer: in its headers, and in its body', async (t) => {
  problemIn(t, await exchange('GET /health HTTP/1.1\r\nhost: x\r\n'), 408, 'request-timeout')
  const head = `PUT /v1/directory/users/u1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${impatient.key}\r\ncontent-type: application/json\r\n`
  problemIn(t, await exchange(`${head}content-length: 100\r\n\r\n{"name":`), 408, 'request-timeout')
})

t.test('an expectation that nobody knows refuses nobody', async (t) => {
  const answer = await exchange(
    'GET /health HTTP/1.1\r\nhost: x\r\nexpect: the best\r\nconnection: close\r\n\r\n',
  )
  t.match(answer, /^HTTP\/1\.1 200 /)
})

t.test(
  'a body that is too large is answered while it is still being sent, however it is framed',
  async (t) => {
    const app = await startApp(t)
    const authorization = `authorization: Bearer ${app.key}`
    const part = 'x'.repeat(1024 * 1024)
    const chunk = `${part.length.toString(16)}\r\n${part}\r\n`
    const ask = (path: string, framing: string, parts: readonly string[]) => {
      const type = 'content-type: application/json'
      return exchangeWith(
        app,
        `POST ${path} HTTP/1.1\r\nhost: x\r\n${authorization}\r\n${type}\r\n${framing}\r\n\r\n`,
        ...parts,
      )
    }
    for (const [path, mb] of [
      ['/v1/drafts', 6],
      ['/v1/attachments?name=a', 40],
    ] as const) {
      const parts = Array.from({ length: mb }, () => part)
      const chunks = [...parts.map(() => chunk), '0\r\n\r\n']
      const framed = await ask(path, `connection: close\r\ncontent-length: ${mb * part.length}`, parts)
      problemIn(t, framed, 413, 'body-too-large')
      problemIn(
        t,
        await ask(path, 'connection: close\r\ntransfer-encoding: chunked', chunks),
        413,
        'body-too-large',
      )
    }
  },
)

t.test('on a connection on which an answer has been given the next mistake is answered, too', async (t) => {
  const answer = await exchange('GET /health HTTP/1.1\r\nhost: x\r\n\r\n', 'nonsense\r\n\r\n')
  t.match(answer, /^HTTP\/1\.1 200 /)
  t.match(answer, /HTTP\/1\.1 400 [\s\S]*malformed-request/)
})
