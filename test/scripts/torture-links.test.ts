import fs from 'node:fs'
import t from 'tap'
import { readOptions } from '../../scripts/torture/options.ts'
import { torture } from '../../scripts/torture/run.ts'

t.test('links and timelines are as if no worker had been killed', { timeout: 500_000 }, async (t) => {
  const args = ['--scenario', 'links', '--kills', '3', '--database-kills', '0', '--mails', '150']
  const options = readOptions(args, 'in the suite')
  if (typeof options === 'string') throw new TypeError(options)
  const { verdicts, folder } = await torture({ ...options, env: {} }, new AbortController().signal)
  for (const { name, looked, broken } of verdicts) {
    t.comment(`${name}: ${looked}`)
    t.strictSame(broken, [], name)
  }
  if (t.passing()) fs.rmSync(folder, { recursive: true, force: true })
})
