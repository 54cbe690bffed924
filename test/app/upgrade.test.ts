import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { apiClient, until, type Client } from '../../scripts/lib/client.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { startService } from '../../scripts/lib/service.ts'
import { bareEnv, plainNode } from '../support/embedded-service.ts'

// What docs/upgrading.md says. The next release is this one with changes such as a release has.

const root = join(import.meta.dirname, '../..')
const folder = t.testdir()

const releaseWith = (name: string, changes: Readonly<Record<string, [from: RegExp, to: string]>>): string => {
  const release = join(folder, name)
  for (const part of ['src', 'migrations', 'package.json'])
    cpSync(join(root, part), join(release, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(release, 'node_modules'))
  for (const [file, [from, to]] of Object.entries(changes)) {
    const before = readFileSync(join(release, file), 'utf8')
    if (!from.test(before)) throw new Error(`${file} has no ${from}`)
    writeFileSync(join(release, file), before.replace(from, to))
  }
  return release
}

const newShape = {
  // As if a template had more to it now.
  'src/domain/templates/events.ts': [
    /scope: templateScope, content: templateContent \}\),\n\)/,
    'scope: templateScope, content: templateContent }),\n  [{ upcast: (data: never) => data }],\n)',
  ],
  'src/projections/templates/template-list.ts': [/^ {2}version: \d+,$/m, '  version: 999,'],
} satisfies Record<string, [RegExp, string]>
const withNewShape = releaseWith('with-new-shape', newShape)
const withNewTables = releaseWith('with-new-tables', newShape)
writeFileSync(
  join(withNewTables, 'migrations/9999-next.ts'),
  `import { sql, type Kysely } from 'kysely'
   export const up = async (db: Kysely<unknown>) => {
     await sql\`alter table mailtrail.api_keys add column note text\`.execute(db)
   }`,
)

const data = join(folder, 'data')
const backup = join(folder, 'backup')
const start = async (release: string) =>
  startService(
    {
      MAILTRAIL_DATA: data,
      MAILTRAIL_LOG_LEVEL: 'warn',
      MAILTRAIL_PORT: String(await freePort()),
      NODE_OPTIONS: '',
    },
    { onSpawn: (child) => t.teardown(() => child.kill('SIGKILL')) },
    release,
  )
const run = async (release: string, ...args: string[]) => {
  const [command, all] = plainNode([join(release, 'src/main.ts'), ...args])
  const child = spawn(command, all, {
    env: { ...bareEnv(), MAILTRAIL_DATA: data },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [[code], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, out, err }
}
const template = async (client: Client, name: string): Promise<string> => {
  const body = { format: 'html', source: '<p>Hello</p>' }
  return (
    await client.send<{ id: string }>('POST', '/v1/templates', {
      name,
      scope: 'shared',
      subject: 'Hello',
      body,
    })
  ).body.id
}
const untilListed = async (client: Client, ids: readonly string[]) =>
  until(
    'the templates',
    () => client.get<{ data: { id: string }[] }>('/v1/templates'),
    ({ data: listed }) =>
      listed.length === ids.length && ids.every((id) => listed.some((one) => one.id === id)),
    60_000,
  )

const first = await start(root)
const key = first.key ?? ''
const before = await template(apiClient(first.url, key), 'Before the upgrade')
await first.stop()
cpSync(data, backup, { recursive: true, preserveTimestamps: true })

t.test(
  'a newer release upgrades the database when it starts, and fills read models that have changed',
  async (t) => {
    const refused = await run(withNewTables, 'verify')
    t.match(refused, { code: 2, err: /not set up for this release: start the service on it once/ })

    const newer = await start(withNewTables)
    const client = apiClient(newer.url, key)
    await untilListed(client, [before])
    const after = await template(client, 'After the upgrade')
    await untilListed(client, [before, after])
    await newer.stop()
    t.match(await run(withNewTables, 'verify'), { code: 0, out: /match the log/ })

    await t.test('an older one refuses what the newer has changed, and touches nothing', async (t) => {
      const words =
        /^The database was upgraded by a newer release .*restore the backup from before the upgrade.*\n$/m
      await t.rejects(start(root), { message: /ended \(1\).*\n.*upgraded by a newer release of Mailtrail/s })
      for (const command of ['verify', 'rebuild --all', 'create-key --name x', 'rotate-keys']) {
        const { code, out, err } = await run(root, ...command.split(' '))
        t.equal(code, command === 'verify' ? 2 : 1, command)
        t.match(err, words, command)
        t.notMatch(err, / at /, command)
        t.equal(out, '', command)
      }
      const again = await start(withNewTables)
      await untilListed(apiClient(again.url, key), [before, after])
      await again.stop()
    })

    await t.test('on the backup from before the upgrade the older one works', async () => {
      rmSync(data, { recursive: true })
      cpSync(backup, data, { recursive: true, preserveTimestamps: true })
      const older = await start(root)
      await untilListed(apiClient(older.url, key), [before])
      await older.stop()
    })
  },
)

t.test('what a newer release recorded stops whatever needs it, and only that', async (t) => {
  const newer = await start(withNewShape)
  const after = await template(apiClient(newer.url, key), 'In a newer shape')
  await newer.stop()

  const older = await start(root)
  const client = apiClient(older.url, key)
  await client.send('PUT', '/v1/directory/users/u1', { name: 'John Smith' })
  type Status = { name: string; error: unknown }
  const { data: statuses } = await until(
    'the read model to stop',
    () => client.get<{ data: Status[] }>('/v1/projections'),
    ({ data: all }) => all.some(({ error }) => error !== null),
    60_000,
  )
  const stopped = statuses.filter(({ error }) => error !== null)
  t.match(
    JSON.stringify(stopped),
    /TemplateCreated in version 2.*run the version that wrote it, or a newer one/,
  )
  t.ok(stopped.length < statuses.length)
  const refused = client.send('DELETE', `/v1/templates/${after}`, undefined, { 'if-match': '*' })
  await t.rejects(refused, { message: /newer-version-needed/ })
  await older.stop()

  const again = await start(withNewShape)
  await untilListed(apiClient(again.url, key), [before, after])
  await again.stop()
  t.match(await run(withNewShape, 'verify'), { code: 0, out: /match the log/ })
})
