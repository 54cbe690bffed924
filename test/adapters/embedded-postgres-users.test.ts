import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import {
  chooseRunner,
  packageFolder,
  prepareBinaries,
} from '../../src/adapters/embedded-postgres/binaries.ts'
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { moduleUrl, plainNode, query, service } from '../support/embedded-service.ts'

const isRoot = process.getuid?.() === 0
const nobody = 65534

// Not below the project, whose folders another user may not enter.
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail users-'))
fs.chmodSync(base, 0o755)
t.teardown(() => fs.rmSync(base, { recursive: true, force: true }))

const closedProject = 'this project lies behind a path that is closed to other users'

const canEnterProject = (uid: number): boolean => {
  const [command, args] = plainNode(['-e', `import(${JSON.stringify(moduleUrl)})`])
  return spawnSync(command, args, { uid, gid: uid, cwd: '/' }).status === 0
}

t.test(
  'missing links between libraries are made, in the package or where that cannot be written beside the data',
  (t) => {
    const real = packageFolder()
    const copy = path.join(base, 'package')
    for (const part of ['native/bin', 'native/lib']) {
      fs.cpSync(path.join(real, part), path.join(copy, part), {
        recursive: true,
        filter: (file) => !fs.lstatSync(file).isSymbolicLink() && !file.endsWith('postgresql'),
      })
    }
    fs.copyFileSync(path.join(real, 'native/pg-symlinks.json'), path.join(copy, 'native/pg-symlinks.json'))
    const runs = (program: string, env: Record<string, string>): string =>
      spawnSync(program, ['--version'], { env, encoding: 'utf8' }).stdout
    const spare = path.join(base, 'spare')
    fs.mkdirSync(spare, { mode: 0o777 })
    fs.chmodSync(spare, 0o777)
    t.equal(runs(path.join(copy, 'native/bin/postgres'), {}), '', 'without the links it does not run')

    const asUser = isRoot ? { uid: nobody, gid: nobody } : {}
    fs.chmodSync(path.join(copy, 'native/lib'), 0o555)
    const code = `
    import { prepareBinaries } from ${JSON.stringify(moduleUrl.replace('embedded-postgres.ts', 'binaries.ts'))}
    console.log(JSON.stringify(prepareBinaries(...${JSON.stringify([copy, spare])})))`
    const [command, args] = plainNode(['--input-type=module', '-e', code])
    const result = spawnSync(command, args, { ...asUser, encoding: 'utf8', cwd: '/' })
    if (isRoot && !canEnterProject(nobody)) t.ok(true, 'beside the data', { skip: closedProject })
    else {
      const unwritable = JSON.parse(result.stdout) as ReturnType<typeof prepareBinaries>
      t.match(runs(unwritable.postgres, unwritable.env), /^postgres \(PostgreSQL\) \d+/)
      t.ok(fs.readdirSync(spare).length > 10)
    }

    fs.chmodSync(path.join(copy, 'native/lib'), 0o755)
    const writable = prepareBinaries(copy, spare)
    t.match(runs(writable.postgres, writable.env), /^postgres \(PostgreSQL\) \d+/)
    t.notOk('LD_LIBRARY_PATH' in writable.env)
    t.end()
  },
)

t.test(
  'an ordinary user has a database of their own, without a user name too',
  { skip: !isRoot && 'all of this file shows it' },
  async (t) => {
    for (const [uid, folder] of [
      [nobody, 'named'],
      [54321, 'nameless'],
    ] as const) {
      const home = path.join(base, folder)
      fs.mkdirSync(home)
      fs.chownSync(home, uid, uid)
      const canMap = spawnSync('unshare', ['-U', 'true'], { uid, gid: uid, cwd: '/' }).status === 0
      if (!canEnterProject(uid)) t.ok(true, 'enters the project', { skip: closedProject })
      else if (folder === 'nameless' && !canMap)
        t.ok(true, 'maps a name', { skip: 'the system lets no user map their name' })
      else {
        const theirs = service(
          t,
          path.join(home, 'data'),
          `await client.end(); await server.stop(); say('stopped')`,
          uid,
        )
        t.equal(await theirs.said('stopped'), 'stopped')
        t.equal(fs.statSync(path.join(home, 'data/cluster/PG_VERSION')).uid, uid)
      }
    }
  },
)

t.test(
  'root keeps a database behind a path that is closed to all others, or is told what to do',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const closed = path.join(base, 'closed')
    const folder = path.join(closed, 'data')
    fs.mkdirSync(closed, { mode: 0o700 })
    const path0 = process.env['PATH']
    process.env['PATH'] = base
    await t.rejects(startEmbeddedPostgres({ dataFolder: folder }), { message: /chmod o\+x .*DATABASE_URL/ })
    process.env['PATH'] = path0
    if (spawnSync('unshare', ['-U', '--map-user=65534', '--map-group=65534', 'true']).status !== 0) return
    const server = await startEmbeddedPostgres({ dataFolder: folder, durable: false })
    t.match(await query(server.connection, 'select 1 as one'), [{ one: 1 }])
    await server.stop()
    t.equal(fs.statSync(path.join(folder, 'cluster')).uid, 0)
    const open = path.join(base, 'opened')
    fs.renameSync(folder, open)
    const moved = await startEmbeddedPostgres({ dataFolder: open, durable: false })
    const owner = chooseRunner(packageFolder(), open).runner.uid ?? 0
    t.equal(
      fs.statSync(path.join(open, 'cluster')).uid,
      owner,
      'where the path is open it is given to nobody',
    )
    await moved.stop()
  },
)

t.test(
  'programs behind a closed path are copied to where the database user can run them',
  { skip: !isRoot && 'needs root' },
  (t) => {
    const closed = path.join(base, 'closed package')
    fs.mkdirSync(path.join(closed, 'native/bin'), { recursive: true })
    fs.chmodSync(closed, 0o700)
    fs.writeFileSync(path.join(closed, 'package.json'), `{"version":"${path.basename(base)}"}`)
    fs.writeFileSync(path.join(closed, 'native/bin/postgres'), '#!/bin/sh\necho it runs\n', { mode: 0o700 })
    const path0 = process.env['PATH']
    process.env['PATH'] = base
    t.teardown(() => (process.env['PATH'] = path0))
    const { runner, folder } = chooseRunner(closed, path.join(base, 'anywhere'))
    t.teardown(() => fs.rmSync(folder, { recursive: true }))
    t.strictSame(runner, { uid: nobody, gid: nobody, wrapper: [] })
    t.not(folder, closed)
    const ran = spawnSync(path.join(folder, 'native/bin/postgres'), {
      uid: nobody,
      gid: nobody,
      encoding: 'utf8',
      cwd: '/',
    })
    t.equal(ran.stdout, 'it runs\n')
    t.equal(chooseRunner(closed, path.join(base, 'anywhere')).folder, folder, 'once')
    t.end()
  },
)
