// The double of EventStoreDB in a process of its own, which can be killed: `process.ts FILE PORT`. It ends with whoever
// started it.
import { eventStoreDbDouble } from './double.ts'

const [file, port] = process.argv.slice(2)
if (file === undefined || port === undefined) throw new TypeError('Usage: process.ts FILE PORT')
process.stdin.resume().on('end', () => process.exit())
const { url } = await eventStoreDbDouble({ file, port: Number(port) })
process.stdout.write(`${url}\n`)
