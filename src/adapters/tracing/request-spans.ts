import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
} from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { tracer } from './spans.ts'

/**
 * Hooks that run each request in a span of its own, which continues the caller's trace (W3C Trace Context). Public
 * routes do not continue a trace: whoever opens a mail must not influence what we record. Attributes follow
 * OpenTelemetry's semantic conventions for HTTP; the URL is not among them.
 */
export const requestSpans = () => {
  const contexts = new WeakMap<FastifyRequest, Context>()
  const inContext = (request: FastifyRequest, done: () => void): void => {
    const of = contexts.get(request)
    if (of) context.with(of, done)
    else done()
  }
  const end = (request: FastifyRequest, note: (span: ReturnType<typeof trace.getSpan>) => void): void => {
    const of = contexts.get(request)
    if (!of) return
    const span = trace.getSpan(of)
    note(span)
    span?.end()
    contexts.delete(request)
  }
  return {
    onRequest: (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
      const { url: route, config } = request.routeOptions
      const isPublic = config.permission === undefined || config.permission === 'public'
      const parent = isPublic ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, request.headers)
      const attributes = { 'http.request.method': request.method, 'http.route': route ?? '' }
      const name = route === undefined ? request.method : `${request.method} ${route}`
      const span = tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, parent)
      if (isSpanContextValid(span.spanContext())) contexts.set(request, trace.setSpan(parent, span))
      inContext(request, done)
    },
    /** The body was read in another async context. */
    preValidation: (request: FastifyRequest, _reply: FastifyReply, done: () => void): void =>
      inContext(request, done),
    onResponse: (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      end(request, (span) => {
        span?.setAttribute('http.response.status_code', reply.statusCode)
        if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR })
      })
      done()
    },
    /** The client has gone; nobody gets the response. */
    onRequestAbort: (request: FastifyRequest, done: () => void): void => {
      end(request, (span) => span?.setAttribute('error.type', 'aborted'))
      done()
    },
  }
}
