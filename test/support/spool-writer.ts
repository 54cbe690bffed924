import { openSpool } from '../../src/adapters/tracking/spool.ts'
import { anOpen, outgoingOf } from './example-hits.ts'

/**
 * A process to be killed: records hits without end in the spool in argv[2], each for a message of its own named by
 * argv[3] and a number, and says every number once it is recorded.
 */
const [, , folder = '', name = ''] = process.argv
const spool = openSpool({ folder, sealMs: 50, onProblem: (problem) => console.error(problem) })
const write = (from: number): void => {
  for (let number = from; number < from + 20; number++) {
    spool.record(anOpen({ outgoingId: outgoingOf(`${name} ${number}`) }))
    process.stdout.write(`${number}\n`)
  }
  setTimeout(write, 1, from + 20)
}
write(0)
