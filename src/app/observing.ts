import { automationMetrics, requestMetrics } from '../adapters/metrics/activity.ts'
import { openMeter } from '../adapters/metrics/meter.ts'
import { requestSpans } from '../adapters/tracing/request-spans.ts'
import { inRun, inSpan } from '../adapters/tracing/spans.ts'
import { categoryOf } from '../adapters/tracing/traced-store.ts'
import type { Handle } from '../commands/handle.ts'
import type { Automation } from '../commands/automation-runner.ts'
import type { Config } from '../config.ts'
import { tellAnswers } from '../http/operations/metrics.ts'
import type { App } from '../http/server/server.ts'

/** What a process shows of itself: always metrics, and traces if there is somewhere to send them. */
export const openObserving = async (
  { traces }: Pick<Config, 'traces'>,
  onLostTraces: (error: unknown) => void,
) => {
  const meter = openMeter()
  const measureRun = automationMetrics(meter)
  const endTraces = traces && (await startTraces({ ...traces, onLost: onLostTraces }))
  const run = <Result>(name: string, work: () => Promise<Result>): Promise<Result> =>
    measureRun(name, () => inRun(`automation ${name}`, work))
  return {
    meter,
    /** Measures and traces each request, starting before the first hook. */
    requests: (app: App): void => {
      const spans = requestSpans()
      app.addHook('onRequest', spans.onRequest)
      app.addHook('preValidation', spans.preValidation)
      app.addHook('onResponse', spans.onResponse)
      app.addHook('onRequestAbort', spans.onRequestAbort)
      tellAnswers(app, requestMetrics(meter))
    },
    /** Measures and traces one run of an automation. */
    run,
    automation: (automation: Automation): Automation => ({
      ...automation,
      work: (signal) => run(automation.name, () => automation.work(signal)),
    }),
    /** Sends the last traces. */
    close: async (): Promise<void> => endTraces?.(),
  }
}

/** The SDK is loaded only if traces are exported. */
const startTraces = async (
  to: NonNullable<Config['traces']> & { onLost: (error: unknown) => void },
): Promise<() => Promise<void>> => {
  const { exportTraces } = await import('../adapters/tracing/export-traces.ts')
  return exportTraces(to)
}

export type Observing = Awaited<ReturnType<typeof openObserving>>

/** A span for each command: what is done to what kind of thing, never to which one. */
export const tracedHandle =
  (handle: Handle): Handle =>
  (decider, stream, command, caller, options) => {
    const name = `${categoryOf(stream)} ${doneBy(command)}`
    const attributes = { 'mailtrail.command': name, 'mailtrail.actor.kind': caller.actor.kind }
    return inSpan(`command ${name}`, { attributes }, async (span) => {
      const handled = await handle(decider, stream, command, caller, options)
      span.setAttribute('mailtrail.repeated', handled.repeated)
      return handled
    })
  }

const doneBy = (command: unknown): string =>
  typeof command === 'object' && command !== null && 'do' in command ? String(command.do) : 'change'
