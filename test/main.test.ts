import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { bareEnv, plainNode } from './support/embedded-service.ts'
import { testDatabase } from './support/test-database.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

const started = async (t: Test, env: Record<string, string>) => {
  const [command, args] = plainNode([main, 'serve'])
  const child = spawn(command, args, {
    env: { ...bareEnv(), MAILTRAIL_DATA: t.testdir(), ...env },
  })
  t.teardown(() => child.kill('SIGKILL'))
  let [said, shown] = ['', '']
  child.stdout.on('data', (data) => (shown += String(data)))
  child.stderr.on('data', (data) => (said += String(data)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said, shown }
}

t.test('a database that cannot be had ends the start with one line, without the password', async (t) => {
  for (const url of ['postgres://u:topsecret@127.0.0.1:1/x', 'postgres://u:topsecret@nowhere.invalid/x']) {
    const { code, said } = await started(t, { DATABASE_URL: url })
    t.equal(code, 1)
    t.match(said, /^The database of DATABASE_URL cannot be used \(E\w+\): [^\n]+\n$/)
    t.notMatch(said, /topsecret/)
  }
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
