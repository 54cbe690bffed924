import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { addressesIn } from '../../scripts/demo/world.ts'
import { until } from '../../scripts/lib/client.ts'
import { appWithMailbox } from '../support/app-with-mailbox.ts'
import { ownServer } from '../support/own-server.ts'
import type { TestApp } from '../support/running-app.ts'

// What docs/troubles.md says.

const createUser = (app: TestApp, key: string) =>
  app.ask('POST', '/v1/templates', {
    body: { name: key, scope: 'shared', subject: 'Hello', body: { format: 'html', source: '<p>Hello</p>' } },
    headers: { 'idempotency-key': key },
  })
const idOf = ({ json }: { json: unknown }): string => (json as { id: string }).id
const readiness = async (app: TestApp) => (await app.ask('GET', '/health/ready', { key: null })).status
const untilReady = (app: TestApp) =>
  until(
    'the service to be ready',
    () => readiness(app),
    (status) => status === 200,
    120_000,
  )
const logged = (app: TestApp, words: RegExp) =>
  until(
    `a line of the log with ${words}`,
    async () => app.log.filter((line) => words.test(line)),
    ({ length }) => length > 0,
    120_000,
  )

t.test(
  'while the database is gone nothing is lost and nothing done twice, and it goes on by itself',
  async (t) => {
    const server = await ownServer(t)
    await server.start()
    const { app, sink, queue, untilSent } = await appWithMailbox(t, { database: server.connection })
    const before = await createUser(app, randomUUID())
    t.equal(before.status, 201)
    const sent = await queue('Before')
    await untilSent(sent)
    const { pixel } = addressesIn(await sink.mailWith(sent))
    const waiting = await queue('Due in the outage', 5)

    await server.stop()
    const key = randomUUID()
    t.match(await createUser(app, key), { status: 503, json: { code: 'database-unavailable' } })
    t.match(await app.ask('GET', '/v1/templates'), { status: 503, json: { code: 'database-unavailable' } })
    t.equal((await app.ask('GET', '/health', { key: null })).status, 200, 'it is not restarted for that')
    t.match(await app.ask('GET', '/health/ready', { key: null }), {
      status: 503,
      json: { code: 'not-ready', detail: /database/ },
    })
    t.equal((await fetch(pixel!)).status, 200, 'a reader sees nothing of it')
    await logged(app, /automations wait: the event log or the database does not answer/)

    await server.start()
    await untilReady(app)
    const repeated = await createUser(app, key)
    t.equal(repeated.status, 201)
    t.equal(idOf(await createUser(app, key)), idOf(repeated), 'it took effect once')
    await untilSent(waiting)
    t.strictSame(
      sink.messages.map(({ raw }) => /^Subject: (.*)\r$/m.exec(raw.toString())?.[1]),
      ['Before', 'Due in the outage'],
    )
    const { data } = await app.client.get<{ data: { id: string }[] }>('/v1/templates')
    t.strictSame(data.map(({ id }) => id).toSorted(), [idOf(before), idOf(repeated)].toSorted())
    const opened = ({ activity }: { activity: { event: string }[] }) =>
      activity.some(({ event }) => /open/.test(event))
    await until(
      'the hit of the outage',
      () => app.client.get<{ activity: { event: string }[] }>(`/v1/outbox/${sent}/tracking`),
      opened,
      120_000,
    )
  },
)

/** A small file system of its own; null where nobody may mount one. */
const smallDisk = (t: Test): string | null => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail-disk-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=711', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  t.teardown(() => execFileSync('umount', ['--lazy', folder]))
  return folder
}

const fillUp = (file: string): void => {
  const to = fs.openSync(file, 'w')
  for (let size = 2 ** 20; size >= 1; size = Math.floor(size / 2))
    try {
      for (;;) fs.writeSync(to, Buffer.alloc(size))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  fs.closeSync(to)
}

t.test(
  'when the disk of the database is full, what was acknowledged is kept, and the rest is refused in words',
  async (t) => {
    const folder = smallDisk(t)
    if (folder === null) return t.comment('no file system may be mounted here')
    const server = await ownServer(t, { folder })
    await server.start()
    const { app, sink, queue, untilSent } = await appWithMailbox(t, { database: server.connection })
    await untilSent(await queue('Before'))
    const upload = async (key: string, body: Uint8Array) =>
      app.ask('POST', '/v1/attachments?name=a.bin', {
        body,
        headers: { 'content-type': 'application/octet-stream', 'idempotency-key': key },
      })

    const ballast = path.join(folder, 'ballast')
    fillUp(ballast)
    const kept: { key: string; id: string; body: Buffer }[] = []
    const next = () => ({ key: randomUUID(), body: randomBytes(2 ** 18) })
    let refused = next()
    let answer = await upload(refused.key, refused.body)
    for (; answer.status === 201; answer = await upload(refused.key, refused.body)) {
      kept.push({ ...refused, id: idOf(answer) })
      refused = next()
    }
    t.match(answer, { status: 503, json: { code: 'database-unavailable', remedy: /same Idempotency-Key/ } })
    t.equal((await app.ask('GET', '/v1/templates')).status, 200, 'what is there can be read')
    await logged(app, /No space left on device/)

    fs.rmSync(ballast)
    t.equal((await upload(refused.key, refused.body)).status, 201, 'with room again it goes on')
    await untilSent(await queue('Afterwards'))
    t.equal(sink.messages.length, 2)
  },
)
