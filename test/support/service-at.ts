import { readFileSync } from 'node:fs'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'

// The service in a process of its own, whose clock is ahead by as many milliseconds as a file says at the moment. It
// prints the first API key, or nothing, once it is ready.

const { SERVICE_DATABASE = '{}', SERVICE_CLOCK = '', ...env } = process.env
const aheadMs = () => Number(readFileSync(SERVICE_CLOCK, 'utf8'))
const names = Object.keys(env).filter((name) => name.startsWith('MAILTRAIL_'))
const app = await createApp({
  config: readConfig(Object.fromEntries(names.map((name) => [name, env[name]]))),
  pool: createPool({ ...(JSON.parse(SERVICE_DATABASE) as object), max: 20 }),
  logTo: process.stderr,
  clock: () => new Date(Date.now() + aheadMs()),
})
await app.start()
console.log(`ready ${app.firstKey?.reveal() ?? ''}`)
