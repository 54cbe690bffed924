import type { Command } from '../commander.ts'
import type { Invariant, Logged } from '../evidence.ts'

/** The database and this process share a clock; this allows for rounding. */
const CLOCK_MS = 20
const WITHOUT_EVENTS = ['upload']

const isDone = ({ answer }: Command): boolean => answer.status >= 200 && answer.status < 300

/** A refused command must have a reason that the load can cause. */
const isFairlyRefused = ({ name, answer }: Command): boolean => {
  const { code } = answer.body as { code?: string }
  return (
    (name === 'cancel' && code === 'too-late-to-cancel') ||
    (name === 'connect account' && code === 'connection-test-failed')
  )
}

const say = (command: Command): string =>
  `${command.name} ${command.mark ?? ''} (asked ${command.requests} times, answered ${JSON.stringify(command.answer)})`

/** What is wrong with the event at the position that a command was acknowledged with. */
const problemsOf = (command: Command, event: Logged | undefined): string[] => {
  if (!event) return [`${say(command)} is not in the log`]
  const { mark, answer, askedAt, answeredAt } = command
  const problems: string[] = []
  if (mark !== null && !JSON.stringify(event.data).includes(mark))
    problems.push(`${say(command)} points to ${event.type} of another command`)
  if (answer.etag !== `"${event.revision}"`)
    problems.push(`${say(command)} says version ${answer.etag}, the event is ${event.revision}`)
  const at = Date.parse(event.recordedAt)
  if (at < askedAt - CLOCK_MS || at > answeredAt + CLOCK_MS)
    problems.push(
      `${say(command)} was asked ${new Date(askedAt).toISOString()}, answered ${new Date(answeredAt).toISOString()} and recorded ${event.recordedAt}`,
    )
  return problems
}

export const commandsAreInTheLogOnce: Invariant = {
  name: 'every acknowledged command is in the log once, and nothing that was not requested',
  atRest: true,
  check: ({ commander, events }) => {
    const atPosition = new Map<string, Logged>(events.map((event) => [event.position, event]))
    const broken = [...commander.differing, ...commander.unanswered.map((what) => `${what}: never answered`)]
    const commandIds = new Map<string, Command>()
    const done = commander.answered.filter((command) => isDone(command))
    for (const command of done) {
      if (WITHOUT_EVENTS.includes(command.name)) continue
      const event = atPosition.get(command.answer.position ?? '')
      broken.push(...problemsOf(command, event))
      if (!event) continue
      const other = commandIds.get(event.metadata.commandId)
      if (other) broken.push(`${say(command)} and ${say(other)} are one command`)
      commandIds.set(event.metadata.commandId, command)
    }
    for (const command of commander.answered)
      if (!isDone(command) && !isFairlyRefused(command)) broken.push(`${say(command)}: refused`)
    // A sign-in is a browser's work as well, and begun anew where it breaks off.
    const signingIn = new Set(
      events.filter(({ stream }) => stream.startsWith('signin-')).map(({ metadata }) => metadata.commandId),
    )
    const unasked = events.filter(
      ({ metadata: { actor, commandId } }) =>
        actor.kind !== 'system' && !commandIds.has(commandId) && !signingIn.has(commandId),
    )
    for (const { type, position, data } of unasked)
      broken.push(
        `${type} at ${position} is of no acknowledged command: ${JSON.stringify(data).slice(0, 200)}`,
      )
    const repeated = commander.answered.filter(({ requests }) => requests > 1).length
    return {
      looked: `${done.length} acknowledged, ${repeated} after repeats`,
      broken,
    }
  },
}
