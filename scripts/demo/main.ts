import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apiClient } from '../lib/client.ts'
import { freePort } from '../lib/free-port.ts'
import { startService, type Service } from '../lib/service.ts'
import { play } from './play.ts'
import { report } from './report.ts'
import { bold, dim, line, note, step } from './screen.ts'
import { openWorld, rep } from './world.ts'

const once = process.argv.includes('--once')
const unknown = process.argv.slice(2).filter((arg) => arg !== '--once')
if (unknown.length > 0) {
  process.stderr.write(`Unknown: ${unknown.join(' ')}. Usage: npm run demo [-- --once]\n`)
  process.exit(2)
}

const interrupted = new Promise<void>((resolve) => {
  process.on('SIGINT', resolve)
  process.on('SIGTERM', resolve)
})

const folder = mkdtempSync(join(tmpdir(), 'mailtrail-demo-'))
// The database's user must be able to enter it if this runs as root.
chmodSync(folder, 0o711)
let service: Service | null = null
const port = await freePort(3000)
const world = await step(
  'Four mailboxes of real mail: two on an IMAP and an SMTP server over TLS, two on doubles of Gmail and Outlook',
  () => openWorld(port),
)

const run = async (): Promise<void> => {
  writeFileSync(join(folder, 'authority.pem'), world.tls.ca)
  service = await step(
    'Mailtrail, on a PostgreSQL of its own',
    () =>
      startService(
        {
          MAILTRAIL_DATA: join(folder, 'data'),
          MAILTRAIL_PORT: String(port),
          MAILTRAIL_TRACKING_URL: `http://127.0.0.1:${port}`,
          MAILTRAIL_EXTRA_CA: join(folder, 'authority.pem'),
          MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
          MAILTRAIL_ALLOWED_PORTS: `${world.imap.port},${world.sink.port}`,
          MAILTRAIL_DELIVERY_WINDOW_MINUTES: '0.02',
          MAILTRAIL_LOG_LEVEL: 'error',
          ...world.providers.env,
        },
        { onLine: (text) => (/^\S/.test(text) && !text.startsWith('Mailtrail') ? note(text) : undefined) },
      ),
    ({ url }) => url,
  )
  const { url, key } = service
  if (key === null) throw new Error('A first start shows a key')
  const clientOf = (user: string) => apiClient(url, key, user)
  const played = await play(clientOf, world)
  await report(clientOf(rep.id), played)

  // Nothing is there any more to look at.
  if (once) return
  line(`\n${bold('Explore')}`)
  line(`  API description   ${url}/docs`)
  line(`  API key           ${key}`)
  line(`  Try               curl -s -H "Authorization: Bearer ${key}" ${url}/v1/email-accounts`)
  line(
    `                    curl -s -H "Authorization: Bearer ${key}" ${url}/v1/outbox/${played.messages[0]?.id}/tracking`,
  )
  line(
    `                    curl -s -H "Authorization: Bearer ${key}" "${url}/v1/threads?account=${played.repAccount}"`,
  )
}

const end = async (): Promise<void> => {
  await service?.stop()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
}

try {
  await Promise.race([run(), interrupted])
  if (!once) {
    line(dim('\nIt stays up. Ctrl-C ends it and removes its data.'))
    await interrupted
  }
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await end()
}
process.exit()
