import t from 'tap'
import { filesUnder, namingViolationsIn, packageOf, read, violationsIn } from './support/import-table.ts'
import { importsOf } from './support/typescript-source.ts'

t.test('of what lies in src, each imports only what the table of the architecture lets it', async (t) => {
  const files = filesUnder('src')
  t.ok(files.length > 10, 'the source is found')
  t.strictSame(
    files.flatMap((file) => violationsIn(file, read(file))),
    [],
  )
})

t.test('src uses no package that is not a dependency of the product', async (t) => {
  const { dependencies, optionalDependencies } = JSON.parse(read('package.json'))
  const known = new Set(Object.keys({ ...dependencies, ...optionalDependencies }))
  const used = filesUnder('src').flatMap((file) =>
    importsOf(read(file)).map(({ specifier }) => ({ file, name: packageOf(specifier) ?? '' })),
  )
  t.strictSame(
    used.filter(({ name }) => name !== '' && !/^(\.|node:)/.test(name) && !known.has(name)),
    [],
  )
})

t.test(
  'files have names in kebab-case, none is an index, and our own are imported with their ending',
  async (t) => {
    const files = ['runtime/run.mjs', ...filesUnder('src', 'test', 'scripts', 'bench', 'migrations')]
    t.strictSame(
      files.flatMap((file) => namingViolationsIn(file, read(file))),
      [],
    )
  },
)

t.test('the table bites: each planted violation is found', async (t) => {
  const planted: [file: string, source: string][] = [
    ['src/domain/sending/x.ts', `import { account } from '../accounts/account.ts'`],
    ['src/domain/sending/x.ts', `import type { Account } from '../accounts/account.ts'`],
    ['src/domain/sending/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/domain/sending/x.ts', `import { within } from '../../std/within.ts'`],
    ['src/domain/sending/x.ts', `import { createHash } from 'node:crypto'`],
    ['src/domain/sending/x.ts', `import fs from 'fs'`],
    ['src/domain/sending/x.ts', `import 'pg'`],
    ['src/domain/x.ts', `import { account } from './accounts/account.ts'`],
    ['src/domain/x.ts', `export const later = () => import('pg')`],
    ['src/domain/x.ts', 'export const later = () => import(`pg`)'],
    ['src/domain/x.ts', `export const later = (name: string) => import(name)`],
    ['src/domain/x.ts', 'export const later = (name: string) => import(`./${name}`)'],
    ['src/domain/x.ts', `export const later = (a: string) => import('zod' + a)`],
    ['src/domain/x.ts', `export type Pool = import('pg').Pool`],
    ['src/domain/x.ts', `const pg = require('pg')`],
    ['src/domain/x.ts', `export { z } from 'zod'`],
    ['src/domain/x.ts', `export * from './event.ts'`],
    ['src/domain/x.ts', `export type { Event } from './event.ts'`],
    ['src/domain/x.ts', `import * as config\n  from '../config.ts'`],
    ['src/domain/x.ts', `import { z } from 'zod/../pg'; import a from /* sly */ "../app.ts"`],
    ['src/domain/x.ts', `import test from '../../test/support/source.ts'`],
    ['src/domain/x.ts', 'const at = Date.now()'],
    ['src/domain/x.ts', `const at = Date['now']()`],
    ['src/domain/x.ts', 'const at = new Date()'],
    ['src/domain/x.ts', 'const at = new Date'],
    ['src/domain/x.ts', 'const at = Date()'],
    ['src/domain/x.ts', 'const dice = Math.random()'],
    ['src/domain/x.ts', 'const at = `at ${Date.now()}`'],
    ['src/domain/x.ts', 'const where = process.env'],
    ['src/domain/x.ts', 'console.log(1)'],
    ['src/domain/x.ts', 'const it = globalThis.process'],
    ['src/domain/x.ts', `await fetch('http://localhost')`],
    ['src/domain/x.ts', 'const id = crypto.randomUUID()'],
    ['src/domain/x.ts', 'setTimeout(() => {}, 1)'],
    ['src/commands/sending/x.ts', `import { account } from '../../domain/accounts/account.ts'`],
    ['src/commands/sending/x.ts', `import type { Account } from '../../domain/accounts/account.ts'`],
    ['src/commands/sending/x.ts', `import { connect } from '../accounts/connect.ts'`],
    ['src/commands/sending/x.ts', `import { readFile } from 'node:fs/promises'`],
    ['src/commands/sending/x.ts', `import { setTimeout } from 'node:timers/promises'`],
    ['src/commands/sending/x.ts', `import { z } from 'zod'`],
    ['src/commands/sending/x.ts', `import { rows } from '../../projections/sending/outbox.ts'`],
    ['src/commands/sending/x.ts', `import { pool } from '../../adapters/postgres/pool.ts'`],
    ['src/commands/handle.ts', `import { connect } from './accounts/connect.ts'`],
    ['src/commands/handle.ts', `import { account } from '../domain/accounts/account.ts'`],
    ['src/commands/ports/x.ts', `import { handle } from '../handle.ts'`],
    ['src/commands/ports/x.ts', `import { connect } from '../accounts/connect.ts'`],
    ['src/projections/sending/x.ts', `import { email } from '../../domain/sending/outgoing-email.ts'`],
    ['src/projections/sending/x.ts', `import type { Account } from '../../domain/accounts/account.ts'`],
    ['src/projections/sending/x.ts', `import { rows } from '../accounts/account-list.ts'`],
    ['src/projections/sending/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/projections/sending/x.ts', `import { pause } from '../../std/pause.ts'`],
    ['src/projections/sending/x.ts', `import pg from 'pg'`],
    ['src/projections/sending/x.ts', `import { randomUUID } from 'node:crypto'`],
    ['src/projections/sending/x.ts', `import { projections } from '../../app/read-models.ts'`],
    ['src/adapters/gmail/x.ts', `import { pool } from '../postgres/pool.ts'`],
    ['src/adapters/gmail/x.ts', `import type { Account } from '../../domain/accounts/account.ts'`],
    ['src/adapters/gmail/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/adapters/gmail/x.ts', `import { send } from '../../commands/sending/send-email.ts'`],
    ['src/adapters/gmail/x.ts', `import { rows } from '../../projections/sending/outbox.ts'`],
    ['src/adapters/gmail/x.ts', `import { server } from '../../http/server/server.ts'`],
    ['src/adapters/gmail/x.ts', `import { config } from '../../config.ts'`],
    ['src/adapters/gmail/x.ts', `import { oauthClient } from '../oauth/client.ts'`],
    ['src/adapters/imap-smtp/x.ts', `import { tokenSource } from '../oauth/tokens.ts'`],
    ['src/adapters/network/x.ts', `import { codeOf } from '../gmail/problems.ts'`],
    ['src/adapters/x.ts', ''],
    ['src/http/sending/x.ts', `import { pool } from '../../adapters/postgres/pool.ts'`],
    ['src/http/sending/x.ts', `import type { Pool } from 'pg'`],
    ['src/http/sending/x.ts', `import { readFile } from 'node:fs/promises'`],
    ['src/http/sending/x.ts', `import { config } from '../../config.ts'`],
    ['src/http/sending/x.ts', `const later = (name: string) => import(name)`],
    ['src/http/sending/x.ts', `import { addRoutes } from '../../app/routes.ts'`],
    ['src/http/sending/x.ts', `import { account } from '../../domain/accounts/account.ts'`],
    ['src/http/sending/x.ts', `import type { Template } from '../../domain/templates/template.ts'`],
    ['src/http/sending/x.ts', `import { accountRoutes } from '../accounts/accounts.ts'`],
    ['src/http/sending/x.ts', `import { work } from '../../commands/to-do-work.ts'`],
    ['src/http/sending/x.ts', `import { create } from '../../commands/templates/create-template.ts'`],
    ['src/http/sending/x.ts', `import { count } from '../../commands/analytics/count.ts'`],
    ['src/http/sending/x.ts', `import { list } from '../../projections/templates/template-list.ts'`],
    ['src/http/sending/x.ts', `import type { Rows } from '../../projections/projection.ts'`],
    ['src/http/server/x.ts', `import { accountRoutes } from '../accounts/accounts.ts'`],
    ['src/http/x.ts', ''],
    ['src/std/x.ts', `import type { Event } from '../domain/event.ts'`],
    ['src/std/x.ts', `import type { Clock } from '../commands/ports/clock.ts'`],
    ['src/std/x.ts', `import type { Pool } from 'pg'`],
    ['src/std/time/x.ts', ''],
    ['src/domain/messages/x.ts', ''],
    ['src/commands/outbox/x.ts', ''],
    ['src/projections/ports/x.ts', ''],
    ['src/http/outbox/x.ts', ''],
    ['src/app/helpers/x.ts', ''],
    ['src/helpers/x.ts', ''],
    ['src/util.ts', ''],
    ['src/app.ts', `export { main } from './main.ts'`],
    ['src/adapters/postgres/x.ts', `import { appender } from './event-log/appender.ts'`],
    ['src/adapters/postgres/event-log/x.ts', `import { quoted } from '../projections/fold/tables.ts'`],
    ['src/adapters/postgres/projections/fold/x.ts', `import { parked } from '../state/parked.ts'`],
    ['src/adapters/postgres/projections/fold/x.ts', `import { wakeUp } from '../../event-log/wake-up.ts'`],
    ['src/adapters/postgres/projections/state/x.ts', `import type { Batch } from '../run/apply.ts'`],
    ['src/adapters/postgres/projections/state/x.ts', `import { shadowOf } from '../rebuild/shadow.ts'`],
    ['src/adapters/postgres/projections/run/x.ts', `import { shadowOf } from '../rebuild/shadow.ts'`],
    ['src/adapters/postgres/projections/rebuild/x.ts', `import { follow } from '../run/follow.ts'`],
    ['src/adapters/postgres/projections/x.ts', ''],
    ['src/adapters/postgres/helpers/x.ts', ''],
  ]
  for (const [file, source] of planted)
    t.equal(violationsIn(file, source).length > 0, true, `${file}: ${source}`)
  const misnamed: [file: string, source: string][] = [
    ['src/http/server/index.ts', ''],
    ['src/http/server/apiKeys.ts', ''],
    ['src/http/server/api_keys.ts', ''],
    ['src/http/server/api-keys.js', ''],
    ['src/http/server/x.ts', `import { a } from './a'`],
    ['src/http/server/x.ts', `import { a } from './a.js'`],
    ['src/http/server/x.ts', `const a = await import('../http')`],
  ]
  for (const [file, source] of misnamed)
    t.equal(namingViolationsIn(file, source).length > 0, true, `${file}: ${source}`)
})

t.test('the table lets pass what it allows, and what only looks like an import', async (t) => {
  const fine: [file: string, source: string][] = [
    [
      'src/domain/sending/x.ts',
      `import { z } from 'zod'\nimport { AccountConnected } from '../accounts/events.ts'`,
    ],
    [
      'src/domain/sending/x.ts',
      `import { retryAt } from './retry-policy.ts'\nimport { event } from '../event.ts'`,
    ],
    ['src/domain/x.ts', `// import pg from 'pg'\n/* Date.now() */ const text = "import 'pg'; new Date()"`],
    ['src/domain/x.ts', 'const text = `import pg from "pg" ${`nested ${1}`} Date.now()`'],
    ['src/domain/x.ts', `const quote = /['"\`/]/.test(text) ? 1 / 2 : '/'; const slash = a / b / c // ' pg`],
    [
      'src/domain/x.ts',
      'const at = new Date(iso); const ms = Date.parse(iso); const x = { process: 1, y: event.process }',
    ],
    [
      'src/domain/sending/x.ts',
      `import { outgoingEmail } from './outgoing-email.ts'\nimport { fold } from '../tracking/fold-hits.ts'`,
    ],
    [
      'src/commands/sending/x.ts',
      `import { randomUUID } from 'node:crypto'\nimport { handle } from '../handle.ts'`,
    ],
    [
      'src/commands/sending/x.ts',
      `import { outgoingEmail } from '../../domain/sending/outgoing-email.ts'\nimport { render } from '../../domain/templates/render.ts'`,
    ],
    ['src/commands/sending/x.ts', `import { send } from './send-email.ts'\nimport '../to-do-work.ts'`],
    [
      'src/commands/sending/x.ts',
      `import type { BlobStore } from '../ports/blobs.ts'\nimport '../../std/pause.ts'`,
    ],
    ['src/commands/ports/x.ts', `import type { Mail } from '../../domain/mail.ts'\nimport './blobs.ts'`],
    [
      'src/projections/sending/x.ts',
      `import { sql } from 'kysely'\nimport { projection } from '../projection.ts'`,
    ],
    ['src/projections/sending/x.ts', `import { AccountConnected } from '../../domain/accounts/events.ts'`],
    [
      'src/adapters/gmail/x.ts',
      `import { gmail } from '@googleapis/gmail'\nimport { AccountConnected } from '../../domain/accounts/events.ts'`,
    ],
    [
      'src/adapters/gmail/x.ts',
      `import { MailRejected } from '../../commands/ports/mail-provider.ts'\nimport { api } from './api.ts'`,
    ],
    [
      'src/adapters/gmail/x.ts',
      `import { egressGuard } from '../network/egress-guard.ts'\nimport { pause } from '../../std/pause.ts'`,
    ],
    ['src/adapters/postgres/x.ts', `import type { Projection } from '../../projections/projection.ts'`],
    ['src/adapters/postgres/event-log/x.ts', `import { createPool } from '../pool.ts'`],
    [
      'src/adapters/postgres/projections/rebuild/x.ts',
      `import { quoted } from '../fold/tables.ts'\nimport { parked } from '../state/parked.ts'`,
    ],
    [
      'src/http/sending/x.ts',
      `import helmet from '@fastify/helmet'\nimport type { TemplateCommands } from '../../commands/templates/templates.ts'`,
    ],
    [
      'src/http/sending/x.ts',
      `import type { EventStore } from '../../commands/ports/event-log.ts'\nimport { app } from '../server/server.ts'`,
    ],
    [
      'src/http/sending/x.ts',
      `import { sealed } from './sealed-files.ts'\nimport '../../commands/handle.ts'`,
    ],
    ['src/std/x.ts', `import { setTimeout } from 'node:timers/promises'\nimport './pause.ts'`],
    ['src/app/routes.ts', `import { rows } from '../projections/sending/outbox.ts'`],
    ['src/app.ts', `import { pool } from './adapters/postgres/pool.ts'\nimport os from 'node:os'`],
  ]
  for (const [file, source] of fine) t.strictSame(violationsIn(file, source), [], `${file}: ${source}`)
})
