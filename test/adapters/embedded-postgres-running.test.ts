import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { runningPostgres } from '../../src/adapters/embedded-postgres/running.ts'
import { query, service } from '../support/embedded-service.ts'

t.test(
  'another process finds the database of a living service, and none where there is no such service',
  async (t) => {
    // Where the user of the database may pass.
    const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail-running-'))
    fs.chmodSync(parent, 0o711)
    t.teardown(() => fs.rmSync(parent, { recursive: true, force: true }))
    const folder = path.join(parent, 'postgres')
    t.equal(await runningPostgres(folder), null)
    t.notOk(fs.existsSync(folder), 'and looking makes no folder')
    const running = service(
      t,
      folder,
      `await client.query('create table told (id int)'); say('done'); setInterval(() => {}, 1000)`,
    )
    await running.said('done')
    const connection = await runningPostgres(folder)
    t.same(
      await query(connection!, 'select count(*)::int as tables from pg_tables where tablename = $$told$$'),
      [{ tables: 1 }],
    )
    running.process.kill('SIGKILL')
    await running.end
    t.equal(
      await runningPostgres(folder),
      null,
      'the database of a service that has died is nobody to talk to',
    )
  },
)
