import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { Fire } from './fire.ts'

type Answer = {
  readonly status: number
  readonly position: string | null
  readonly etag: string | null
  readonly body: unknown
}

/** A command as requested, and its answer. `mark` is a word in its data that no other command has. */
export type Command = {
  readonly name: string
  readonly mark: string | null
  readonly askedAt: number
  readonly requests: number
  readonly answer: Answer
  readonly answeredAt: number
}

type Ask = {
  readonly name: string
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Sent unchanged, instead of JSON. */
  readonly file?: Buffer<ArrayBuffer>
  readonly mark?: string
  readonly headers?: Record<string, string>
}

export type Commander = {
  /**
   * Sends a request under one Idempotency-Key, repeatedly, until there is an answer.
   * @throws Unanswered if `signal` aborts first
   */
  ask(ask: Ask): Promise<Command>
  get<Body>(path: string): Promise<Body>
  readonly answered: readonly Command[]
  /** Number of commands in progress. */
  waiting(): number
  readonly unanswered: readonly string[]
  /** Repeats of an answered command that got a different answer. */
  readonly differing: readonly string[]
}

export class Unanswered extends Error {
  override readonly name = 'Unanswered'
}

const REQUEST_MS = 15_000
const AGAIN_AFTER_MS = 100

/** Sends commands as a careful program does: each with its own key, repeated until acknowledged. */
export const commander = (fire: Fire, chance: Chance, signal: AbortSignal): Commander => {
  const answered: Command[] = []
  const unanswered: string[] = []
  const differing: string[] = []
  let waiting = 0

  const request = async (ask: Omit<Ask, 'name' | 'method'> & { method: string }): Promise<Answer> => {
    const payload = ask.file ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body))
    const type = ask.file ? 'application/octet-stream' : 'application/json'
    const answer = await fetch(`${fire.url()}${ask.path}`, {
      method: ask.method,
      headers: {
        authorization: `Bearer ${fire.key()}`,
        ...(payload === undefined ? {} : { 'content-type': type }),
        ...ask.headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
    })
    const text = await answer.text()
    const body: unknown = text === '' ? null : JSON.parse(text)
    const { status, headers } = answer
    return { status, position: headers.get('event-position'), etag: headers.get('etag'), body }
  }

  const untilAnswered = async (ask: Ask, key: string): Promise<{ answer: Answer; requests: number }> => {
    for (let requests = 1; ; requests++) {
      if (signal.aborted) throw new Unanswered(`${ask.name} was not answered`)
      const answer = await request({
        ...ask,
        headers: { ...ask.headers, 'idempotency-key': key },
      }).catch(() => null)
      // During a kill the answer may be missing or incomplete JSON; internal errors may be retried.
      if (answer && answer.status < 500 && !isInUse(answer)) return { answer, requests }
      if (answer) await sleep(AGAIN_AFTER_MS)
      else await fire.up(AGAIN_AFTER_MS)
    }
  }

  return {
    answered,
    unanswered,
    differing,
    waiting: () => waiting,
    ask: async (ask) => {
      const key = randomUUID()
      const askedAt = Date.now()
      waiting++
      try {
        const { answer, requests } = await untilAnswered(ask, key)
        const command = {
          name: ask.name,
          mark: ask.mark ?? null,
          askedAt,
          requests,
          answer,
          answeredAt: Date.now(),
        }
        answered.push(command)
        if (chance.oneIn(8)) {
          const again = await untilAnswered(ask, key)
          const [before, after] = [command.answer, again.answer].map((each) => JSON.stringify(each))
          if (before !== after) differing.push(`${ask.name}: ${before}, and repeated: ${after}`)
        }
        return command
      } catch (error) {
        if (error instanceof Unanswered) unanswered.push(`${ask.name} ${ask.mark ?? ''}`)
        throw error
      } finally {
        waiting--
      }
    },
    get: async <Body>(path: string): Promise<Body> => {
      for (;;) {
        if (signal.aborted) throw new Unanswered(`${path} was not answered`)
        const answer = await request({ method: 'GET', path }).catch(() => null)
        if (answer?.status === 200) return answer.body as Body
        if (answer && answer.status < 500) throw new Error(`${path}: ${JSON.stringify(answer.body)}`)
        await fire.up(AGAIN_AFTER_MS)
      }
    },
  }
}

const isInUse = ({ status, body }: Answer): boolean =>
  status === 409 && ['idempotency-key-in-use', 'conflict'].includes((body as { code?: string }).code ?? '')
