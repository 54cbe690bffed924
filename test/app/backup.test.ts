import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { apiClient, until } from '../../scripts/lib/client.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { startService } from '../../scripts/lib/service.ts'
import { bareEnv, plainNode } from '../support/embedded-service.ts'

// What docs/backup.md says of the embedded database.

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const folder = t.testdir()
const start = async (data: string) =>
  startService(
    {
      MAILTRAIL_DATA: join(folder, data),
      MAILTRAIL_LOG_LEVEL: 'warn',
      MAILTRAIL_PORT: String(await freePort()),
      NODE_OPTIONS: '',
    },
    { onSpawn: (child) => t.teardown(() => child.kill('SIGKILL')) },
  )
const verify = async (data: string) => {
  const [command, args] = plainNode([main, 'verify'])
  const env = { ...bareEnv(), MAILTRAIL_DATA: join(folder, data) }
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [[code], out] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
  ])
  return { code, out }
}

t.test('a copy of the data folder is a backup: nothing is missing, and all of it matches', async (t) => {
  const service = await start('data')
  const key = service.key ?? ''
  const client = apiClient(service.url, key)
  await client.send('PUT', '/v1/directory/users/u1', { name: 'John Smith' })
  const { body } = await client.send<{ id: string }>('POST', '/v1/templates', {
    name: 'Welcome',
    scope: 'shared',
    subject: 'Hello',
    body: { format: 'html', source: '<p>Hello</p>' },
  })
  const upload = await fetch(`${service.url}/v1/attachments?name=a.txt`, {
    method: 'POST',
    body: 'content of a file',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'text/plain' },
  })
  t.equal(upload.status, 201)
  await service.stop()

  execFileSync('cp', ['-a', join(folder, 'data'), join(folder, 'backup')])
  rmSync(join(folder, 'data'), { recursive: true })
  execFileSync('cp', ['-a', join(folder, 'backup'), join(folder, 'data')])

  const verified = await verify('data')
  t.equal(verified.code, 0)
  t.match(verified.out, /content {2}equal, 1 files/)
  t.match(verified.out, /equal: \d+ rows of \d+ read models match the log/)
  const restored = await start('data')
  t.equal(restored.key, null, 'it has its keys already')
  const again = apiClient(restored.url, key)
  const found = await until(
    'the template',
    () => again.get<{ data: { id: string }[] }>('/v1/templates'),
    ({ data }) => data.length > 0,
  )
  t.same(
    found.data.map(({ id }) => id),
    [body.id],
  )
  await restored.stop()
})
