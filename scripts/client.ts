// `npm run client -- [FOLDER] [--from URL]` writes a typed client of the API into a folder, `client` by default, from
// the description of a running service, or of one that it starts for that.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { generateSource } from 'oazapfts'
import { freePort } from './lib/free-port.ts'
import { startService } from './lib/service.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { from: { type: 'string' } } })
const [folder = 'client', ...others] = positionals
if (others.length > 0)
  throw new Error(`Unknown: ${others.join(' ')}. Usage: npm run client [-- FOLDER] [--from URL]`)

const scratch = mkdtempSync(join(tmpdir(), 'mailtrail-client-'))
// The database's user must be able to enter it if this runs as root.
chmodSync(scratch, 0o711)

const descriptionAt = async (url: string): Promise<string> => {
  const answer = await fetch(new URL('/docs/json', url))
  if (!answer.ok) throw new Error(`${url}/docs/json answers ${answer.status}`)
  return answer.text()
}

const descriptionOfOwn = async (): Promise<string> => {
  const service = await startService({
    MAILTRAIL_DATA: join(scratch, 'data'),
    MAILTRAIL_PORT: String(await freePort()),
    MAILTRAIL_LOG_LEVEL: 'error',
  })
  try {
    return await descriptionAt(service.url)
  } finally {
    await service.stop()
  }
}

try {
  const description = join(scratch, 'description.json')
  writeFileSync(
    description,
    await (values.from === undefined ? descriptionOfOwn() : descriptionAt(values.from)),
  )
  const source = await generateSource(description, { useUnknown: true, futureStripLegacyMethods: true })
  const file = join(folder, 'mailtrail.ts')
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, source)
  console.log(`${file} has a function for each operation. It needs the package @oazapfts/runtime.`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
