import t from 'tap'
import { Refused } from '../../../src/domain/refusal.ts'
import { outgoingEmail } from '../../../src/domain/sending/outgoing-email.ts'
import type { OutgoingCommand } from '../../../src/domain/sending/outgoing-commands.ts'
import { draftOf, type OutgoingEmail, type QueuedEmail } from '../../../src/domain/sending/outgoing-state.ts'

// Every order in which two senders, a canceller, a recoverer, a sync and a person can meet over one email, with
// senders that die or sleep at every step, against a server that counts what it took.

/** `in-part`: the server takes it for the first of two recipients, and puts the other off. */
type Answer = 'taken' | 'in-part' | 'put-off' | 'rejected' | 'lost'
type Worker =
  | { at: 'idle' }
  | { at: 'loaded'; revision: number; attempt: number; recipients: readonly string[] }
  | { at: 'released'; attempt: number; recipients: readonly string[] }
  | { at: 'answered'; attempt: number; answer: Answer; recipients: readonly string[] }
type World = {
  state: OutgoingEmail
  revision: number
  workers: Worker[]
  /** How often the server took it for whom: the truth. */
  taken: Readonly<Record<string, number>>
  crashes: number
  faults: number
  cancels: number
  sentAgain: number
  retried: number
  queuedAnew: number
}
type Protocol = 'ours' | 'no-marker' | 'again-when-unclear'
type Limits = { crashes: number; faults: number; sentAgain: number; retried: number; queuedAnew: number }

const at = '2026-01-01T00:00:00.000Z'
const [ann, ben] = ['ann@d.test', 'ben@d.test']
const email = {
  outgoingId: 'out',
  accountId: 'acc',
  template: null,
  envelope: { from: 'a@b.test', recipients: [ann, ben] },
  notBefore: at,
  draft: {},
} as unknown as QueuedEmail
const start: World = {
  state: outgoingEmail.evolve({ status: 'none' }, { type: 'EmailQueued', data: email }),
  revision: 0,
  workers: [{ at: 'idle' }, { at: 'idle' }],
  taken: { [ann]: 0, [ben]: 0 },
  crashes: 0,
  faults: 0,
  cancels: 0,
  sentAgain: 0,
  retried: 0,
  queuedAnew: 0,
}

/** Load, decide and append as one step: what `handle` gives. Refused leaves the world as it is. */
const append = (world: World, command: OutgoingCommand): World => {
  try {
    const events = outgoingEmail.decide(command, world.state)
    if (events.length === 0) return world
    const state = events.reduce(outgoingEmail.evolve, world.state)
    return { ...world, state, revision: world.revision + events.length }
  } catch (error) {
    if (error instanceof Refused) return world
    throw error
  }
}

const withWorker = (world: World, index: number, worker: Worker): World => ({
  ...world,
  workers: world.workers.with(index, worker),
})

const idle: Worker = { at: 'idle' }

const workerMoves = (world: World, index: number, protocol: Protocol, limits: Limits): World[] => {
  const worker = world.workers[index]!
  const { state } = world
  if (worker.at === 'idle') {
    if (state.status !== 'queued' && state.status !== 'deferred') return []
    const attempt = state.attempts + 1
    return [
      withWorker(world, index, {
        at: 'loaded',
        revision: world.revision,
        attempt,
        recipients: state.pending,
      }),
    ]
  }
  const moves: World[] = []
  if (world.crashes < limits.crashes)
    moves.push(withWorker({ ...world, crashes: world.crashes + 1 }, index, idle))
  switch (worker.at) {
    case 'loaded': {
      const { attempt, revision, recipients } = worker
      if (world.faults < limits.faults) {
        const faulty = { ...world, faults: world.faults + 1 }
        for (const fault of [putOff(attempt, false), rejected(attempt, false)])
          moves.push(withWorker(world.revision === revision ? append(faulty, fault) : faulty, index, idle))
      }
      if (protocol === 'no-marker') {
        moves.push(withWorker(world, index, { at: 'released', attempt, recipients }))
      } else if (world.revision === revision) {
        const released = append(world, { do: 'release', attempt, handle: null, now: at })
        moves.push(withWorker(released, index, { at: 'released', attempt, recipients }))
      } else moves.push(withWorker(world, index, idle))
      return moves
    }
    case 'released': {
      const { attempt, recipients } = worker
      const answered = (of: World, answer: Answer) =>
        moves.push(withWorker(of, index, { at: 'answered', attempt, recipients, answer }))
      const took = { ...world, taken: takenFor(world, recipients) }
      answered(took, 'taken')
      if (world.faults < limits.faults) {
        const faulty = { faults: world.faults + 1 }
        answered({ ...took, ...faulty }, 'lost')
        for (const answer of ['lost', 'put-off', 'rejected'] as const)
          answered({ ...world, ...faulty }, answer)
        if (recipients.length > 1)
          answered({ ...world, ...faulty, taken: takenFor(world, recipients.slice(0, 1)) }, 'in-part')
      }
      return moves
    }
    case 'answered':
      moves.push(withWorker(recorded(world, worker, protocol), index, idle))
      return moves
  }
}

const putOff = (attempt: number, released: boolean): OutgoingCommand => ({
  do: 'record-deferred',
  attempt,
  released,
  code: '451',
  reason: '',
  refused: [],
  deferred: [],
  now: at,
  chance: 0,
  until: null,
})
const rejected = (attempt: number, released: boolean): OutgoingCommand => ({
  do: 'record-failed',
  attempt,
  released,
  code: '550',
  reason: '',
  remedy: '',
  refused: [],
})

const takenFor = ({ taken }: World, recipients: readonly string[]) => ({
  ...taken,
  ...Object.fromEntries(recipients.map((address) => [address, (taken[address] ?? 0) + 1])),
})

const sent = (attempt: number, accepted: string[], later: string[]): OutgoingCommand => ({
  do: 'record-sent',
  attempt,
  accepted,
  refused: [],
  deferred: later.map((address) => ({ address, code: 450, enhancedCode: null, reason: '' })),
  now: at,
  chance: 0,
  until: null,
})

const recorded = (
  world: World,
  { attempt, answer, recipients }: Extract<Worker, { at: 'answered' }>,
  protocol: Protocol,
): World => {
  const before =
    protocol === 'no-marker' ? append(world, { do: 'release', attempt, handle: null, now: at }) : world
  switch (answer) {
    case 'taken':
      return append(before, sent(attempt, [...recipients], []))
    case 'in-part':
      return append(before, sent(attempt, recipients.slice(0, 1), recipients.slice(1)))
    case 'put-off':
      return append(before, putOff(attempt, true))
    case 'rejected':
      return append(before, rejected(attempt, true))
    case 'lost':
      return append(before, { do: 'record-unknown', attempt, reason: '' })
  }
}

/** What others may do at any moment, a slow sender or a dead one notwithstanding. */
const otherMoves = (world: World, protocol: Protocol, limits: Limits): World[] => {
  const { state } = world
  const moves: World[] = []
  if (state.status === 'sending')
    moves.push(append(world, { do: 'record-unknown', attempt: state.attempts + 1, reason: '' }))
  if (takenAtAll(world) > 0) moves.push(append(world, { do: 'record-found', foundAt: at }))
  if (world.cancels === 0) moves.push({ ...append(world, { do: 'cancel' }), cancels: 1 })
  if (state.status === 'unknown') {
    const again = append(world, { do: 'settle-unknown', decision: 'send-again', now: at })
    if (protocol === 'again-when-unclear') moves.push(again)
    else if (world.sentAgain < limits.sentAgain) moves.push({ ...again, sentAgain: world.sentAgain + 1 })
    moves.push(append(world, { do: 'settle-unknown', decision: 'give-up', now: at }))
  }
  if (state.status === 'failed' && world.retried < limits.retried)
    moves.push({ ...append(world, { do: 'retry', now: at }), retried: world.retried + 1 })
  if (draftOf(state) && world.queuedAnew < limits.queuedAnew)
    moves.push({ ...append(world, { do: 'queue', email }), queuedAnew: world.queuedAnew + 1 })
  return moves
}

/** How often the one has it who has it most often. */
const takenAtAll = ({ taken }: World): number => Math.max(...Object.values(taken))

/** What is wrong with a world, in words. */
const violation = (world: World): string | null => {
  const { state, sentAgain } = world
  const taken = takenAtAll(world)
  if (taken > 1 + sentAgain) return 'sent twice'
  if (state.status === 'sent' && taken === 0) return 'sent, but the server never took it'
  if (state.status === 'cancelled' && taken > 0) return 'cancelled, but sent'
  if (draftOf(state) && taken > 0) return 'a draft again, but sent'
  const waiting = state.status === 'queued' || state.status === 'deferred'
  if ((waiting || state.status === 'failed') && state.unclear.length === 0) {
    const inAir = world.workers.some(
      (worker) => worker.at === 'answered' && (worker.answer === 'taken' || worker.answer === 'in-part'),
    )
    const twice = state.pending.some((address) => (world.taken[address] ?? 0) > sentAgain && !inAir)
    if (twice && waiting) return 'tried again for one who has it'
    if (taken > 0 && !inAir && state.taken === null) return `${state.status}, but sent`
  }
  return null
}

const ends = new Set(['sent', 'failed', 'cancelled', 'unknown'])

const explore = (protocol: Protocol, limits: Limits, untilWrong = '') => {
  const seen = new Set<string>([JSON.stringify(start)])
  const queue: World[] = [start]
  const violations = new Set<string>()
  const endings = new Map<string, number>()
  for (let world = queue.pop(); world; world = queue.pop()) {
    const wrong = violation(world)
    if (wrong !== null) violations.add(wrong)
    if (wrong === untilWrong) break
    const next = [
      ...workerMoves(world, 0, protocol, limits),
      ...workerMoves(world, 1, protocol, limits),
      ...otherMoves(world, protocol, limits),
    ]
    const key = JSON.stringify(world)
    let moved = false
    for (const other of next) {
      const otherKey = JSON.stringify(other)
      if (otherKey !== key) moved = true
      if (seen.has(otherKey)) continue
      seen.add(otherKey)
      queue.push(other)
    }
    if (!moved) {
      endings.set(world.state.status, (endings.get(world.state.status) ?? 0) + 1)
      if (!ends.has(world.state.status)) violations.add(`ends as ${world.state.status}`)
    }
  }
  return { worlds: seen.size, violations: [...violations].toSorted(), endings }
}

t.test(
  'nothing is sent twice, whatever order two senders, crashes, a canceller and a sync come in',
  async (t) => {
    const { worlds, violations, endings } = explore('ours', {
      crashes: 3,
      faults: 3,
      sentAgain: 0,
      retried: 1,
      queuedAnew: 0,
    })
    t.comment(`${worlds} worlds, ending ${JSON.stringify([...endings])}`)
    t.same(violations, [])
    t.ok(worlds > 1000, 'the model has something to explore')
    t.same(new Set(endings.keys()), ends, 'every kind of end is reached, and no other')
  },
)

t.test('what a person has sent again goes out at most once more each time', async (t) => {
  const { worlds, violations } = explore('ours', {
    crashes: 1,
    faults: 1,
    sentAgain: 2,
    retried: 1,
    queuedAnew: 0,
  })
  t.comment(`${worlds} worlds`)
  t.same(violations, [])
})

t.test('what was cancelled or failed is changed and sent under the same id, and goes out once', async (t) => {
  const { worlds, violations } = explore('ours', {
    crashes: 1,
    faults: 2,
    sentAgain: 0,
    retried: 1,
    queuedAnew: 2,
  })
  t.comment(`${worlds} worlds`)
  t.same(violations, [])
})

t.test('the model bites: it finds the duplicate of each weaker protocol', async (t) => {
  const limits = { crashes: 2, faults: 1, sentAgain: 0, retried: 0, queuedAnew: 0 }
  for (const weaker of ['no-marker', 'again-when-unclear'] as const) {
    const { violations } = explore(weaker, limits, 'sent twice')
    t.ok(violations.includes('sent twice'), `${weaker}: ${violations.join(', ')}`)
  }
})
