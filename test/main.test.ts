import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { bareEnv, plainNode } from './support/embedded-service.ts'
import { ownServer } from './support/own-server.ts'
import { testDatabase } from './support/test-database.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

const launched = (t: Test, env: Record<string, string>) => {
  const [command, args] = plainNode([main, 'serve'])
  const child = spawn(command, args, {
    env: { ...bareEnv(), MAILTRAIL_DATA: t.testdir(), ...env },
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

const started = async (t: Test, env: Record<string, string>) => {
  const child = launched(t, env)
  let [said, shown] = ['', '']
  child.stdout.on('data', (data) => (shown += String(data)))
  child.stderr.on('data', (data) => (said += String(data)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said, shown }
}

t.test('a database that cannot be had ends the start with one line, without the password', async (t) => {
  const { code, said } = await started(t, { DATABASE_URL: 'postgres://u:topsecret@nowhere.invalid/x' })
  t.equal(code, 1)
  t.match(said, /^The database of DATABASE_URL cannot be used \(E\w+\): [^\n]+\n$/)
  t.notMatch(said, /topsecret/)
})

t.test('a start waits for a database that is coming up', async (t) => {
  const server = await ownServer(t)
  const child = launched(t, { DATABASE_URL: server.url, MAILTRAIL_PORT: '0' })
  let shown = ''
  for await (const data of child.stdout) {
    const hasWaited = shown.includes('Waiting for the database')
    shown += String(data)
    if (!hasWaited && shown.includes('Waiting for the database')) await server.start()
    if (shown.includes('Mailtrail is ready')) break
  }
  t.match(shown, /Waiting for the database of DATABASE_URL, for 60 s at most\.\n/)
  t.match(shown, /Mailtrail is ready/)
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
})

t.test('a port in use ends the start with one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const { host, port: at, user, password, database } = (await testDatabase(t)) as Record<string, string>
  const login = `${user}${password ? `:${password}` : ''}`
  const url = `postgres://${login}@localhost:${at ?? 5432}/${database}?host=${encodeURIComponent(host ?? '')}`
  const { code, said, shown } = await started(t, { DATABASE_URL: url, MAILTRAIL_PORT: String(port) })
  t.equal(code, 1)
  t.match(said, new RegExp(`^Cannot listen on 127\\.0\\.0\\.1 port ${port} \\(EADDRINUSE\\): [^\\n]+\\n$`))
  t.match(
    shown,
    /API key +mt_\w+/,
    'the first key is shown all the same: it is made, and no later start has it',
  )
})
