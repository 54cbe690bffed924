import t, { type Test } from 'tap'
import type { Leases } from '../../src/commands/ports/leases.ts'
import { runAutomations, type Automation } from '../../src/commands/automation-runner.ts'

const leases: Leases = { acquire: async () => null }

/** Runs one automation; `news` is its projection's news, `ended` is fulfilled when it has stopped. */
const rig = (t: Pick<Test, 'teardown'>, automation: Partial<Automation> & Pick<Automation, 'work'>) => {
  const stop = new AbortController()
  const listeners = new Set<() => void>()
  const errors: unknown[] = []
  const ended = runAutomations(
    [{ name: 'test', wakeOn: [{ name: 'list' }], everyMs: 3_600_000, single: false, ...automation }],
    {
      leases,
      onAdvanced: (_names, listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      onError: (_name, error) => errors.push(error),
    },
    stop.signal,
  )
  t.teardown(async () => {
    stop.abort()
    await ended
  })
  return { stop, ended, errors, listeners, news: () => listeners.forEach((listener) => listener()) }
}

/** Fulfilled when `count` calls of the returned `call` have come. */
const counter = (count: number) => {
  let calls = 0
  let reached = () => {}
  const done = new Promise<void>((resolve) => (reached = resolve))
  return {
    done,
    calls: () => calls,
    call: () => {
      if (++calls === count) reached()
    },
  }
}

t.test('it looks once at the start, goes on while there is more, and then waits for news', async (t) => {
  const seen = counter(3)
  const again = counter(4)
  const { news } = rig(t, {
    work: async () => {
      seen.call()
      again.call()
      return seen.calls() < 3
    },
  })
  await seen.done
  t.equal(again.calls(), 3)
  news()
  await again.done
  t.equal(again.calls(), 4, 'one piece of news is one look')
})

t.test('it looks again after a while without news, because time alone makes things due', async (t) => {
  const seen = counter(3)
  rig(t, {
    everyMs: 5,
    work: async () => {
      seen.call()
      return false
    },
  })
  await seen.done
  t.pass('looked three times')
})

t.test('a long piece of work in one lane keeps the others from nothing', async (t) => {
  let letGo = () => {}
  const long = new Promise<void>((resolve) => (letGo = resolve))
  const short = counter(2)
  let calls = 0
  const { news } = rig(t, {
    lanes: 2,
    work: async () => {
      calls++
      if (calls === 1) await long
      else short.call()
      return false
    },
  })
  news()
  news()
  await short.done
  letGo()
  t.pass('the short ones were done while the long one was under way')
})

t.test('an error is told and the automation goes on', async (t) => {
  const seen = counter(2)
  const { errors } = rig(t, {
    work: async () => {
      seen.call()
      if (seen.calls() === 1) throw new Error('away')
      return false
    },
  })
  await seen.done
  t.equal(errors.length, 1)
})

t.test('it ends when it is stopped, after what it has in hand', async (t) => {
  const begun = counter(1)
  let finished = false
  const { stop, ended, listeners } = rig(t, {
    work: async (signal) => {
      begun.call()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      finished = true
      return true
    },
  })
  await begun.done
  stop.abort()
  await ended
  t.ok(finished)
  t.equal(listeners.size, 0, 'it listens no more')
})

t.test('an automation that only one process may run waits for its lease, and not for news', async (t) => {
  const worked = counter(1)
  const asked = counter(3)
  const stop = new AbortController()
  const ended = runAutomations(
    [{ name: 'one', wakeOn: [], everyMs: 3_600_000, single: true, work: async () => (worked.call(), false) }],
    {
      leases: {
        acquire: async (name) => {
          asked.call()
          if (asked.calls() < 3) return null
          return { name, generation: 1, signal: new AbortController().signal, release: async () => {} }
        },
      },
      onAdvanced: () => () => {},
      onError: () => {},
    },
    stop.signal,
  )
  await asked.done
  t.equal(worked.calls(), 0, 'without it nothing is done')
  await worked.done
  stop.abort()
  await ended
  t.equal(asked.calls(), 3, 'and it is kept')
})
