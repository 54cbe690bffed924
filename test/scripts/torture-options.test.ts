import { execFileSync } from 'node:child_process'
import t from 'tap'
import { commandOf, readOptions, type Options } from '../../scripts/torture/options.ts'

const read = (...args: string[]): Options => {
  const options = readOptions(args, 'drawn')
  if (typeof options === 'string') throw new TypeError(options)
  return options
}

/** The arguments as the shell of whoever repeats it passes them on. */
const argsOf = (command: string): string[] =>
  execFileSync('sh', ['-c', command.replace('npm run torture --', `printf '%s\\0'`)], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)

t.test('the command that a run prints repeats it, whatever its options', async (t) => {
  const runs = [
    read(),
    read('--kills', '3', '--pauses', '2', '--database-kills', '0', '--apis', '2', '--workers', '1'),
    read('--seed', `it's "a" $seed \\ of & all`, '--minutes', '1.5', '--plant', 'late-marker'),
    read(
      '--event-store-strikes',
      '7',
      '--event-store-url',
      'esdb://127.0.0.1:2113?tls=false&keepAliveInterval=1',
    ),
    read('--providers', 'gmail,outlook', '--plant', 'all'),
    read('--scenario', 'links', '--mails', '50'),
  ]
  for (const options of runs) t.same(readOptions(argsOf(commandOf(options)), 'another'), options)
})

t.test('it does not show the password of the event store', async (t) => {
  const command = commandOf(read('--event-store-url', 'esdb://admin:changeit@events.test:2113'))
  t.match(command, 'esdb://admin:PASSWORD@events.test:2113')
  t.notMatch(command, 'changeit')
})

t.test('the line to a cluster cannot be struck', async (t) => {
  for (const url of ['esdb+discover://events.test', 'esdb://one.test:2113,two.test:2113']) {
    t.match(readOptions(['--event-store-strikes', '1', '--event-store-url', url], ''), /one host/)
    t.match(read('--event-store-url', url), { eventStoreUrl: url })
  }
})
