import {
  context,
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api'

/** Without a registered tracer provider nothing is traced, at almost no cost. */
export const tracer = (): Tracer => trace.getTracer('mailtrail')

const RUN = createContextKey('a run that has no span yet')

/** Outcomes that are part of the product, not faults. */
const expected = new Set([
  'Refused',
  'NotFound',
  'HttpProblem',
  'StaleRevision',
  'RevisionConflict',
  'DuplicateEvent',
])

/** Does the work in a child span of the current context. An error ends the span with the error's name. */
export const inSpan = async <Result>(
  name: string,
  options: SpanOptions,
  work: (span: Span, parent: Span | undefined) => Promise<Result>,
): Promise<Result> => {
  const active = context.active()
  const begin = active.getValue(RUN) as (() => Context) | undefined
  const around = begin && !trace.getSpan(active) ? begin() : active
  const span = tracer().startSpan(name, options, around)
  const parent = trace.getSpan(around)
  // If nothing is traced, there is no context to propagate either.
  if (!isSpanContextValid(span.spanContext())) return work(span, parent)
  try {
    return await context.with(trace.setSpan(around, span), () => work(span, parent))
  } catch (error) {
    noteError(span, error)
    throw error
  } finally {
    span.end()
  }
}

/**
 * Does the work as the root of a trace, whose span is created with its first child: polling once a second without
 * finding work leaves no trace.
 */
export const inRun = async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
  const startTime = Date.now()
  let run: Span | undefined
  const begin = (): Context => {
    run ??= tracer().startSpan(name, { startTime }, ROOT_CONTEXT)
    return trace.setSpan(ROOT_CONTEXT, run)
  }
  try {
    return await context.with(ROOT_CONTEXT.setValue(RUN, begin), work)
  } catch (error) {
    if (run) noteError(run, error)
    throw error
  } finally {
    run?.end()
  }
}

/** Only the kind of error, and its code if it is one of ours: the message may name a person. */
const noteError = (span: Span, error: unknown): void => {
  const kind = error instanceof Error ? error.name : 'unknown'
  span.setAttribute('error.type', kind)
  if (!expected.has(kind)) span.setStatus({ code: SpanStatusCode.ERROR })
  else if ('code' in (error as object))
    span.setAttribute('mailtrail.code', String((error as { code: unknown }).code))
}

const FORM = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The span as W3C Trace Context; undefined if it is not recorded. */
export const traceparentOf = (span: Span): string | undefined => {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return (traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : `00-${traceId}-${spanId}-01`
}

/** The reverse; undefined for an invalid text. */
export const spanContextOf = (traceparent: string | undefined): SpanContext | undefined => {
  const [, traceId, spanId, flags] = FORM.exec(traceparent ?? '') ?? []
  if (traceId === undefined || spanId === undefined) return undefined
  const of = { traceId, spanId, traceFlags: Number.parseInt(flags ?? '', 16), isRemote: true }
  return isSpanContextValid(of) ? of : undefined
}

/** Links to these, without duplicates, and no more than `most`. */
export const linksTo = (traceparents: Iterable<string | undefined>, most: number): Link[] => {
  const links = new Map<string, Link>()
  for (const traceparent of traceparents) {
    if (links.size === most) break
    const of = traceparent === undefined || links.has(traceparent) ? undefined : spanContextOf(traceparent)
    if (of) links.set(traceparent!, { context: of })
  }
  return [...links.values()]
}
